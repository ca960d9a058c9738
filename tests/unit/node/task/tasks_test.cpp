#include "node/task/tasks.h"

#include <gtest/gtest.h>

#include <future>

#include "base/text.h"
#include "node/task/task_log.h"
#include "support/fake_clock.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::task {
namespace {

class TasksTest : public ::testing::Test {
 protected:
  TasksTest() { open(); }
  void open(const std::function<void(TasksOptions&)>& change = {}) {
    TasksOptions options;
    options.folder = folder_.path() / "tasks";
    options.node = "asgard";
    if (change) change(options);
    tasks_.reset();
    tasks_.emplace(options, clock_);
  }
  TaskEntry run(Work work, const std::string& type = "qmstart", const std::string& id = "101",
                const std::string& user = "root@pam") {
    const auto upid = tasks_->start(type, id, user, std::move(work));
    tasks_->wait(upid);
    return tasks_->status(upid);
  }
  std::vector<std::string> lines(const wire::Upid& upid) {
    std::vector<std::string> texts;
    for (const auto& line : tasks_->log(upid).lines) texts.push_back(line.text);
    return texts;
  }
  /// A task that waits until the test lets it go (or it is stopped).
  struct Held {
    std::promise<void> begun;
    std::promise<void> go;
    Work work() {
      return [this](TaskContext& context) {
        begun.set_value();
        const auto gone = go.get_future();
        while (gone.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
          if (context.stop_token().stop_requested()) throw Error(Errc::interrupted, "stopped");
      };
    }
  };

  sys::TempFolder folder_;
  test::FakeClock clock_;
  std::optional<Tasks> tasks_;
};

TEST_F(TasksTest, ASuccessfulTaskEndsWithOk) {
  const auto entry = run([](TaskContext& context) { context.log("generating cloud-init ISO"); });
  EXPECT_FALSE(entry.running);
  EXPECT_EQ(entry.status, "OK");
  EXPECT_EQ(entry.end_time, clock_.unix_seconds());
  EXPECT_EQ(lines(entry.upid), (std::vector<std::string>{"generating cloud-init ISO", "TASK OK"}));
}

TEST_F(TasksTest, AFailureIsTheStatusInOneLine) {
  const auto entry = run([](TaskContext&) { throw wire::failure("volume 'x' does not exist\nat all\n"); });
  EXPECT_EQ(entry.status, "volume 'x' does not exist at all");
  EXPECT_EQ(lines(entry.upid), (std::vector<std::string>{"TASK ERROR: volume 'x' does not exist at all"}));
}

TEST_F(TasksTest, WarningsAreCounted) {
  const auto entry = run([](TaskContext& context) {
    context.warn("one");
    context.warn("two");
  });
  EXPECT_EQ(entry.status, "WARNINGS: 2");
  EXPECT_EQ(lines(entry.upid), (std::vector<std::string>{"WARN: one", "WARN: two", "TASK WARNINGS: 2"}));
}

TEST_F(TasksTest, IsSeenTheInstantItStarts) {
  Held held;
  const auto upid = tasks_->start("qmstart", "101", "root@pam", held.work());
  EXPECT_TRUE(tasks_->status(upid).running);
  EXPECT_EQ(lines(upid), (std::vector<std::string>{"no content"}));
  TaskFilter active;
  active.source = Source::active;
  ASSERT_EQ(tasks_->list(active).entries.size(), 1U);
  EXPECT_TRUE(tasks_->list(active).entries[0].running);
  EXPECT_EQ(tasks_->list({}).total, 0);
  held.go.set_value();
  EXPECT_TRUE(tasks_->wait(upid));
  EXPECT_EQ(tasks_->list(active).total, 0);
  EXPECT_EQ(tasks_->list({}).total, 1);
}

TEST_F(TasksTest, AStoppedTaskWasInterrupted) {
  Held held;
  const auto upid = tasks_->start("qmshutdown", "101", "root@pam", held.work());
  held.begun.get_future().wait();
  tasks_->stop(upid);
  tasks_->wait(upid);
  EXPECT_EQ(tasks_->status(upid).status, "received interrupt");
  EXPECT_EQ(lines(upid), (std::vector<std::string>{"TASK ERROR: received interrupt"}));
  tasks_->stop(upid);  // of an ended one: nothing to do
}

TEST_F(TasksTest, AWaitingTaskCanBeStoppedWithoutEverRunning) {
  open([](TasksOptions& options) { options.max_workers = 1; });
  Held held;
  const auto first = tasks_->start("qmclone", "100", "root@pam", held.work());
  held.begun.get_future().wait();
  bool ran = false;
  const auto second = tasks_->start("qmclone", "100", "root@pam", [&](TaskContext&) { ran = true; });
  EXPECT_TRUE(tasks_->status(second).running);
  tasks_->stop(second);
  EXPECT_EQ(tasks_->status(second).status, "received interrupt");
  held.go.set_value();
  tasks_->wait(first);
  EXPECT_FALSE(ran);
}

TEST_F(TasksTest, TooManyWaitingTasksAreRefused) {
  open([](TasksOptions& options) {
    options.max_workers = 1;
    options.max_waiting = 2;
  });
  Held held;
  const auto first = tasks_->start("qmclone", "100", "root@pam", held.work());
  held.begun.get_future().wait();
  tasks_->start("a", "", "root@pam", [](TaskContext&) {});
  tasks_->start("b", "", "root@pam", [](TaskContext&) {});
  EXPECT_THROW(tasks_->start("c", "", "root@pam", [](TaskContext&) {}), wire::ApiError);
  held.go.set_value();
  tasks_->wait(first);
}

TEST_F(TasksTest, NamesAreUniqueThoughOneProcessRunsThemAll) {
  std::set<std::string> names;
  for (int i = 0; i < 200; ++i)
    names.insert(wire::to_string(tasks_->start("a", "", "root@pam", [](TaskContext&) {})));
  EXPECT_EQ(names.size(), 200U);
}

TEST_F(TasksTest, FilesAreAsInProxmox) {
  const auto entry = run([](TaskContext&) {});
  const auto name = wire::to_string(entry.upid);
  const auto digit = fmt::format("{:X}", entry.upid.start_time & 0xFU);
  EXPECT_EQ(sys::read_file(folder_.path() / "tasks" / digit / name), "TASK OK\n");
  EXPECT_EQ(sys::read_file(folder_.path() / "tasks" / "index"),
            fmt::format("{} {:08X} OK\n", name, entry.end_time));
  EXPECT_EQ(sys::read_file(folder_.path() / "tasks" / "active"), "");
}

TEST_F(TasksTest, EndedTasksSurviveARestart) {
  const auto entry = run([](TaskContext& context) { context.log("hello"); });
  open();
  EXPECT_EQ(tasks_->status(entry.upid).status, "OK");
  EXPECT_EQ(lines(entry.upid), (std::vector<std::string>{"hello", "TASK OK"}));
  EXPECT_EQ(tasks_->list({}).total, 1);
}

TEST_F(TasksTest, WhatRanWhenTheDaemonDiedHasAnUnexpectedStatus) {
  tasks_.reset();
  const auto folder = folder_.path() / "tasks";
  // What a kill -9 leaves: one task cut off in its work, one just after its last line.
  const std::string cut = "UPID:asgard:00000001:00000002:6B037813:qmclone:100:root@pam:";
  const std::string done = "UPID:asgard:00000001:00000003:6B037813:qmstart:101:root@pam:";
  sys::write_durable(folder / "3" / cut, "transferred 0.0 B\n");
  sys::write_durable(folder / "3" / done, "TASK OK\n");
  sys::write_durable(folder / "active", cut + "\n" + done + "\nUPID:torn");
  open();
  EXPECT_EQ(tasks_->status(*wire::parse_upid(cut)).status, "unexpected status");
  EXPECT_EQ(tasks_->status(*wire::parse_upid(done)).status, "OK");
  EXPECT_EQ(tasks_->list({}).total, 2);
  EXPECT_EQ(tasks_->running(), 0);
  open();
  EXPECT_EQ(tasks_->list({}).total, 2);
}

TEST_F(TasksTest, ATornIndexIsRepaired) {
  run([](TaskContext&) {});
  tasks_.reset();
  const auto index = folder_.path() / "tasks" / "index";
  const auto good = sys::read_file(index);
  sys::write_durable(index, good + good.substr(0, 20));
  open();
  run([](TaskContext&) {});
  EXPECT_EQ(tasks_->list({}).total, 2);
  EXPECT_EQ(split(sys::read_file(index), '\n').size(), 3U);
}

TEST_F(TasksTest, TheOldestAreForgottenWithTheirLogs) {
  open([](TasksOptions& options) { options.keep = 4; });
  const auto first = run([](TaskContext&) {});
  for (int i = 0; i < 20; ++i) {
    run([](TaskContext&) {});
    EXPECT_LE(tasks_->list({}).total, 5);
  }
  EXPECT_THROW(tasks_->status(first.upid), wire::ApiError);
  EXPECT_FALSE(std::filesystem::exists(log_path(folder_.path() / "tasks", first.upid)));
  EXPECT_LE(split(sys::read_file(folder_.path() / "tasks" / "index"), '\n').size(), 6U);
}

TEST_F(TasksTest, ALogIsBoundedButKeepsItsLastLine) {
  open([](TasksOptions& options) { options.max_log_bytes = 100; });
  const auto entry = run([](TaskContext& context) {
    for (int i = 0; i < 1000; ++i) context.log("0123456789");
  });
  const auto log = lines(entry.upid);
  EXPECT_LE(log.size(), 12U);
  EXPECT_EQ(log.back(), "TASK OK");
}

TEST_F(TasksTest, LogsHavePages) {
  const auto entry = run([](TaskContext& context) {
    for (int i = 1; i <= 4; ++i) context.log(std::to_string(i));
  });
  const auto page = tasks_->log(entry.upid, 1, 2);
  EXPECT_EQ(page.total, 5);
  ASSERT_EQ(page.lines.size(), 2U);
  EXPECT_EQ(page.lines[0].number, 2);
  EXPECT_EQ(page.lines[1].text, "3");
  EXPECT_EQ(tasks_->log(entry.upid, 0, 0).lines.size(), 5U);
  EXPECT_TRUE(tasks_->log(entry.upid, 9, 5).lines.empty());
  EXPECT_EQ(tasks_->log(entry.upid, 1, 2147483647).lines.size(), 4U);
}

TEST_F(TasksTest, UnknownTasksAreTold) {
  const auto upid = *wire::parse_upid("UPID:asgard:00000001:00000001:6B000000:qmstart:100:root@pam:");
  try {
    tasks_->status(upid);
    FAIL();
  } catch (const wire::ApiError& error) {  // recording 506
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.errors().at("upid"), "no such task");
  }
  EXPECT_THROW(tasks_->stop(upid), wire::ApiError);
  EXPECT_TRUE(tasks_->log(upid).missing);
  EXPECT_THROW(require_upid("UPID:foo"), wire::ApiError);
}

TEST_F(TasksTest, ListsAreFiltered) {
  run([](TaskContext&) {}, "qmcreate", "100", "root@pam");
  clock_.tick(std::chrono::seconds(10));
  run([](TaskContext&) { throw wire::failure("no"); }, "qmstart", "101", "terra@pve!ci");
  clock_.tick(std::chrono::seconds(10));
  run([](TaskContext& context) { context.warn("w"); }, "qmstart", "100", "terra@pve");
  const auto total = [&](const std::function<void(TaskFilter&)>& change) {
    TaskFilter filter;
    change(filter);
    return tasks_->list(filter).total;
  };
  EXPECT_EQ(total([](TaskFilter&) {}), 3);
  EXPECT_EQ(total([](TaskFilter& f) { f.vmid = "100"; }), 2);
  EXPECT_EQ(total([](TaskFilter& f) { f.type = "qmstart"; }), 2);
  EXPECT_EQ(total([](TaskFilter& f) { f.user = "TERRA"; }), 2);
  EXPECT_EQ(total([](TaskFilter& f) { f.owner = "terra@pve"; }), 2);
  EXPECT_EQ(total([](TaskFilter& f) { f.owner = "terra@pv"; }), 0);
  EXPECT_EQ(total([](TaskFilter& f) { f.errors = true; }), 2);
  EXPECT_EQ(total([](TaskFilter& f) { f.status = {"error"}; }), 1);
  EXPECT_EQ(total([](TaskFilter& f) { f.status = {"ok", "warning"}; }), 2);
  const auto now = clock_.unix_seconds();
  EXPECT_EQ(total([&](TaskFilter& f) { f.since = now - 5; }), 1);
  EXPECT_EQ(total([&](TaskFilter& f) { f.until = now - 5; }), 2);
  TaskFilter page;
  page.start = 1;
  page.limit = 1;
  ASSERT_EQ(tasks_->list(page).entries.size(), 1U);
  EXPECT_EQ(tasks_->list(page).entries[0].upid.id, "101");
  EXPECT_EQ(tasks_->list(page).total, 3);
}

TEST_F(TasksTest, TheEndOfTheDaemonInterruptsAll) {
  Held held;
  const auto upid = tasks_->start("qmclone", "100", "root@pam", held.work());
  open();
  EXPECT_EQ(tasks_->status(upid).status, "received interrupt");
}

TEST(IndexLine, IsParsedAndPrinted) {
  // From the real index (notes 4): UPID, end time, status with blanks.
  const std::string line =
      "UPID:asgard:00000592:000A762F:6B0377D2:hastart:101:root@pam: 6B0377D2 command 'x y' failed: no";
  const auto entry = parse_index_line(line);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->status, "command 'x y' failed: no");
  EXPECT_EQ(entry->end_time, 0x6B0377D2);
  EXPECT_EQ(print_index_line(*entry), line);
  EXPECT_FALSE(parse_index_line(""));
  EXPECT_FALSE(parse_index_line("UPID:asgard:00000592:000A762F:6B0377D2:hastart:101:root@pam: 6B03"));
  EXPECT_FALSE(parse_index_line("junk 6B0377D2 OK"));
}

}  // namespace
}  // namespace hlid::node::task
