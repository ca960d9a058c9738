#include "template/request.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "example.h"
#include "template/release.h"

namespace hlid::templates {
namespace {

TEST(Request, KeyIsTheSameForTheSameContent) {
  const auto request = test::example_request();
  EXPECT_EQ(content_key(request).size(), 64U);
  EXPECT_EQ(content_key(request), content_key(request));
  auto other = request;
  other.image.packages = {"zip", "vim", "unzip", "vim"};  // order and repetition are not content
  other.image.name = "another-name";
  other.image.vmid = {90002};
  other.access.authorized_keys = {"ssh-ed25519 AAAA someone"};
  other.access.console_password = {"env:SECRET"};
  EXPECT_EQ(content_key(other), content_key(request));
}

TEST(Request, KeyChangesWithWhateverChangesTheImage) {
  const auto key = content_key(test::example_request());
  const auto changed = [](auto change) {
    auto request = test::example_request();
    change(request);
    return content_key(request);
  };
  EXPECT_NE(changed([](auto& r) { r.image.os = "debian-12"; }), key);
  EXPECT_NE(changed([](auto& r) { r.image.locale = "en_US.UTF-8"; }), key);
  EXPECT_NE(changed([](auto& r) { r.image.keyboard = "de"; }), key);
  EXPECT_NE(changed([](auto& r) { r.image.timezone = "Etc/UTC"; }), key);
  EXPECT_NE(changed([](auto& r) { r.image.packages.push_back("htop"); }), key);
  EXPECT_NE(changed([](auto& r) { r.image.mirror = "http://mirror.example/ubuntu"; }), key);
  EXPECT_NE(changed([](auto& r) { r.image.disk = gib(5); }), key);
  EXPECT_NE(changed([](auto& r) { r.access.user = "thor"; }), key);
  EXPECT_NE(changed([](auto& r) { r.access.ssh_port = 22; }), key);
}

void expect_refused(const BuildRequest& request, const std::string& named) {
  try {
    check_request(request);
    ADD_FAILURE() << "'" << named << "' was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::spec);
    EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
  }
}

TEST(Request, WhatCannotWorkIsRefusedByName) {
  EXPECT_NO_THROW(check_request(test::example_request()));
  const auto with = [](auto change) {
    auto request = test::example_request();
    change(request);
    return request;
  };
  for (const auto* package : {"Vim", "--include=x", "a b", "vim;rm", "x", "vim=", "?essential"})
    expect_refused(with([&](auto& r) { r.image.packages = {package}; }), package);
  for (const auto* locale : {"french", "fr_FR.ISO-8859-1", "../x", "fr_FR.UTF-8 UTF-8"})
    expect_refused(with([&](auto& r) { r.image.locale = locale; }), locale);
  for (const auto* zone : {"../etc/passwd", "/Europe/Paris", "Europe//Paris", "Europe/Paris\nx"})
    expect_refused(with([&](auto& r) { r.image.timezone = zone; }), zone);
  for (const auto* keyboard : {"fr\"", "FR", "fr:", "a"})
    expect_refused(with([&](auto& r) { r.image.keyboard = keyboard; }), keyboard);
  for (const auto* user : {"root", "Odin", "odin:x", "-x", "a b"})
    expect_refused(with([&](auto& r) { r.access.user = user; }), user);
  for (const auto* mirror : {"mirror.example", "http://a b", "http://x [trusted=yes]"})
    expect_refused(with([&](auto& r) { r.image.mirror = mirror; }), mirror);
  expect_refused(with([](auto& r) { r.image.os = "ubuntu-24.4"; }), "ubuntu-24.4");
  expect_refused(with([](auto& r) { r.access.ssh_port = 0; }), "0");
}

TEST(Request, PackagesWithVersionOrSuiteAreAccepted) {
  auto request = test::example_request();
  request.image.packages = {"vim=2:9.1.0016-1ubuntu7", "curl/noble-updates", "g++", "libstdc++6"};
  EXPECT_NO_THROW(check_request(request));
}

TEST(Release, AnUnknownOneSuggestsTheNearest) {
  try {
    find_release("ubuntu-24.4");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "did you mean 'ubuntu-24.04'?");
  }
}

TEST(Release, PackagesAreAskedForOnce) {
  const auto& release = find_release("ubuntu-24.04");
  const auto packages = packages_of(release, {"sudo", "htop"});
  EXPECT_EQ(packages.front(), "linux-image-virtual");
  EXPECT_EQ(packages.back(), "htop");
  EXPECT_EQ(std::count(packages.begin(), packages.end(), "sudo"), 1);
}

}  // namespace
}  // namespace hlid::templates
