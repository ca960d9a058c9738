#include "image/qemu_img.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/scripted_process.h"
#include "sys/files.h"

namespace hlid::image {
namespace {

TEST(QemuImg, MakesConvertsResizesAndCompares) {
  const sys::TempFolder folder;
  sys::PosixProcessRunner runner;
  const QemuImg tool(runner);
  const auto raw = folder.path() / "a.raw", copy = folder.path() / "b.qcow2",
             over = folder.path() / "c.qcow2";
  tool.create(raw, "raw", mib(4));
  sys::write_durable(raw, "some bytes" + std::string((4 << 20) - 10, '\0'));
  tool.convert(raw, "raw", copy, "qcow2");
  EXPECT_TRUE(tool.equal(raw, "raw", copy, "qcow2"));
  tool.create_overlay(over, copy, "qcow2", mib(16));
  const auto info = tool.info(over);
  EXPECT_EQ(info.format, "qcow2");
  EXPECT_EQ(info.virtual_size, mib(16));
  EXPECT_EQ(info.backing_file, copy.string());
  tool.resize(over, "qcow2", mib(32));
  EXPECT_EQ(tool.info(over).virtual_size, mib(32));
  sys::write_durable(raw, "other bytes" + std::string((4 << 20) - 11, '\0'));
  EXPECT_FALSE(tool.equal(raw, "raw", copy, "qcow2"));
}

TEST(QemuImg, GivesItsOwnWordsWhenItFails) {
  test::ScriptedProcess runner;
  runner.on("qemu-img info",
            test::exit_with(1, "", "qemu-img: Could not open 'x': No such file or directory"));
  runner.on("qemu-img compare", test::exit_with(2, "", "qemu-img: broken"));
  const QemuImg tool(runner);
  try {
    tool.info("x");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("Could not open 'x'"), std::string::npos);
  }
  EXPECT_THROW(tool.equal("a", "raw", "b", "raw"), Error);
}

TEST(QemuImg, RefusesAnAnswerItDoesNotUnderstand) {
  test::ScriptedProcess runner;
  runner.on("qemu-img info", test::exit_with(0, R"({"format": "raw"})"));
  EXPECT_THROW(QemuImg(runner).info("x"), Error);
}

}  // namespace
}  // namespace hlid::image
