#include "booted_image.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <stdexcept>

#include "base/error.h"
#include "base/text.h"
#include "image/iso.h"
#include "image/qemu_img.h"
#include "sys/clock.h"
#include "sys/unix_socket.h"

namespace hlid::test {
namespace {

constexpr const char* kCode = "/usr/share/OVMF/OVMF_CODE_4M.fd";
constexpr const char* kVariables = "/usr/share/OVMF/OVMF_VARS_4M.fd";
constexpr const char* kMac = "bc:24:11:00:00:01";

void write_seed(const std::filesystem::path& path) {
  image::write_iso(
      path, "cidata",
      {{"user-data",
        "#cloud-config\nhostname: gullinbursti\nmanage_etc_hosts: true\nfqdn: gullinbursti\nuser: odin\n"
        "ssh_authorized_keys:\n  - ssh-ed25519 "
        "AAAAC3NzaC1lZDI1NTE5AAAAIHcFZ0m9GqCUiCSmlvTGqtWTLdCKd0nwRrR8kqU7SgQp test\n"
        "chpasswd:\n  expire: False\nusers:\n  - default\npackage_upgrade: false\n"},
       {"meta-data", "instance-id: 5f1c0a2e\n"},
       {"network-config",
        fmt::format("version: 1\nconfig:\n    - type: physical\n      name: eth0\n      mac_address: '{}'\n"
                    "      subnets:\n      - type: static\n        address: '10.0.2.15'\n"
                    "        netmask: '255.255.255.0'\n        gateway: '10.0.2.2'\n"
                    "    - type: nameserver\n      address:\n      - '10.0.2.3'\n      search:\n"
                    "      - 'lab'\n",
                    kMac)}});
}

std::vector<std::string> qemu_argv(const std::filesystem::path& folder, Firmware firmware) {
  const auto in = [&](const char* name) { return (folder / name).string(); };
  std::vector<std::string> argv{"qemu-system-x86_64",
                                "-accel",
                                "tcg,thread=multi",
                                "-cpu",
                                "max",
                                "-m",
                                "1024",
                                "-smp",
                                "2",
                                "-display",
                                "none",
                                "-serial",
                                "file:" + in("console.log")};
  const auto drive = [&](const std::string& text) { argv.insert(argv.end(), {"-drive", text}); };
  const auto device = [&](const std::string& text) { argv.insert(argv.end(), {"-device", text}); };
  if (firmware == Firmware::uefi) {
    drive(fmt::format("if=pflash,format=raw,readonly=on,file={}", kCode));
    drive(fmt::format("if=pflash,format=raw,file={}", in("variables.fd")));
  }
  drive("if=none,id=disk,format=qcow2,file=" + in("disk.qcow2"));
  device("virtio-blk-pci,drive=disk");
  drive("if=none,id=seed,format=raw,readonly=on,media=cdrom,file=" + in("seed.iso"));
  device("ide-cd,drive=seed");
  argv.insert(argv.end(), {"-netdev", "user,id=net"});
  device(fmt::format("virtio-net-pci,netdev=net,mac={}", kMac));
  argv.insert(argv.end(), {"-chardev", "socket,id=agent,server=on,wait=off,path=" + in("agent")});
  device("virtio-serial");
  device("virtserialport,chardev=agent,name=org.qemu.guest_agent.0");
  device("virtio-rng-pci");
  argv.insert(argv.end(), {"-smbios", "type=1,uuid=5f1c0a2e-7a8e-4a86-9d6c-6b2c9a1f0d11"});
  return argv;
}

/// One line from the socket; empty when none comes in time.
std::string read_line(int fd, std::chrono::milliseconds patience) {
  std::string line;
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd waiting{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return "";
    char byte = 0;
    if (::read(fd, &byte, 1) != 1) return "";
    if (byte == '\n') return line;
    line.push_back(byte);
  }
}

void send_line(int fd, const json::object& message) {
  const auto line = to_text(message) + "\n";
  if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw Error(Errc::io, "the agent's socket takes nothing");
}

json::value next_answer(int fd, std::chrono::steady_clock::time_point until) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  const auto answer = read_line(fd, left);
  if (answer.empty()) throw Error(Errc::timeout, "no answer from the agent");
  const auto parsed = parse_json(answer).as_object();
  if (!parsed.contains("return")) throw Error(Errc::failed, "the agent says {}", answer);
  return parsed.at("return");
}

}  // namespace

bool has_uefi() {
  return std::filesystem::exists(kCode) && std::filesystem::exists(kVariables);
}

BootedImage::BootedImage(const std::filesystem::path& disk, Firmware firmware) {
  image::QemuImg(runner_).create_overlay(folder_.path() / "disk.qcow2", disk, "qcow2", gib(8));
  write_seed(folder_.path() / "seed.iso");
  if (firmware == Firmware::uefi) std::filesystem::copy_file(kVariables, folder_.path() / "variables.fd");
  qemu_ = sys::spawn_detached(qemu_argv(folder_.path(), firmware), (folder_.path() / "qemu.log").string());
}

BootedImage::~BootedImage() {
  sys::send_signal(qemu_, SIGKILL);
  sys::wait_gone(qemu_, std::chrono::seconds(10));
}

json::value BootedImage::ask(const json::object& request, std::chrono::seconds patience) {
  const auto socket = sys::connect_unix(folder_.path() / "agent");
  const auto until = std::chrono::steady_clock::now() + patience;
  // Answers to questions that nobody waited for may still come (QEMU guest agent protocol, guest-sync): what
  // is asked now is answered after the sync of this very number.
  const int number = ++asked_;
  send_line(socket.get(), {{"execute", "guest-sync"}, {"arguments", json::object{{"id", number}}}});
  while (next_answer(socket.get(), until) != json::value(number)) {
  }
  send_line(socket.get(), request);
  return next_answer(socket.get(), until);
}

bool BootedImage::wait_for_agent(std::chrono::seconds patience) {
  sys::SystemClock clock;
  const auto until = clock.now() + patience;
  while (clock.now() < until && sys::is_alive(qemu_)) {
    try {
      ask({{"execute", "guest-ping"}}, std::chrono::seconds(3));
      return true;
    } catch (const Error&) {
      clock.sleep(std::chrono::seconds(1));
    }
  }
  return false;
}

std::string BootedImage::run(const std::string& script) {
  const auto patience = std::chrono::seconds(60);
  const auto started =
      ask({{"execute", "guest-exec"},
           {"arguments",
            json::object{{"path", "/bin/sh"}, {"arg", json::array{"-c", script}}, {"capture-output", true}}}},
          patience);
  sys::SystemClock clock;
  for (int tries = 0; tries < 300; ++tries) {
    const auto status = ask({{"execute", "guest-exec-status"},
                             {"arguments", json::object{{"pid", started.as_object().at("pid")}}}},
                            patience)
                            .as_object();
    if (get_bool(status, "exited").value_or(false))
      return base64_decode(get_string(status, "out-data").value_or("")) +
             base64_decode(get_string(status, "err-data").value_or(""));
    clock.sleep(std::chrono::seconds(1));
  }
  throw Error(Errc::timeout, "'{}' does not end", script);
}

std::string BootedImage::console() const {
  const auto text = sys::read_file_if_exists(folder_.path() / "console.log").value_or("(no console)");
  return text.size() > 3000 ? text.substr(text.size() - 3000) : text;
}

}  // namespace hlid::test
