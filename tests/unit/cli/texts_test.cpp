#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/lab_file.h"
#include "cli/node_unit.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::cli {
namespace {

const std::vector<Errc> kAllCodes{Errc::failed,       Errc::usage,     Errc::spec,     Errc::denied,
                                  Errc::precondition, Errc::not_found, Errc::conflict, Errc::timeout,
                                  Errc::interrupted,  Errc::io,        Errc::protocol, Errc::unsupported};

TEST(ExitCode, IsDecidedForEveryKindOfFailure) {
  const std::map<Errc, int> wanted{{Errc::failed, 1},    {Errc::usage, 2},        {Errc::spec, 2},
                                   {Errc::denied, 3},    {Errc::precondition, 4}, {Errc::conflict, 4},
                                   {Errc::not_found, 1}, {Errc::timeout, 1},      {Errc::interrupted, 130},
                                   {Errc::io, 1},        {Errc::protocol, 1},     {Errc::unsupported, 1}};
  ASSERT_EQ(wanted.size(), kAllCodes.size());
  for (const auto code : kAllCodes)
    EXPECT_EQ(static_cast<int>(exit_for(code)), wanted.at(code)) << to_string(code);
}

TEST(ExitCode, AParameterErrorOfTheApiIsNotTheUsersCommandLine) {
  EXPECT_EQ(exit_for(wire::parameter_error("vmid", "taken")), Exit::failed);
  EXPECT_EQ(exit_for(wire::permission_error("/vms/1, VM.Audit")), Exit::denied);
}

TEST(Report, TellsTheChainAndWhatToDoOnce) {
  Error error(Errc::failed, "no space left");
  error.add_context("task qmclone 9000 failed").add_context("clone lab-web-1").with_hint("df -h");
  EXPECT_EQ(describe(error), "hlid: clone lab-web-1: task qmclone 9000 failed: no space left\n  fix: df -h");
  EXPECT_EQ(describe(Error(Errc::failed, "x")), "hlid: x");
}

TEST(Help, EveryCommandHasATextWithExamples) {
  for (const char* name : {"hlid",
                           "up",
                           "plan",
                           "status",
                           "ssh",
                           "console",
                           "logs",
                           "destroy",
                           "doctor",
                           "template",
                           "node",
                           "schema",
                           "completion",
                           "explain",
                           "cluster",
                           "cluster-status",
                           "cluster-kubeconfig",
                           "cluster-upgrade",
                           "cluster-snapshot",
                           "cluster-restore",
                           "cluster-token",
                           "cluster-certificates",
                           "cluster-encryption",
                           "replace",
                           "drill"}) {
    const auto parts = help_parts(help_text(name));
    EXPECT_FALSE(parts.summary.empty()) << name;
    EXPECT_NE(parts.rest.find("Examples:"), std::string::npos) << name;
    EXPECT_NE(parts.rest.find("hlid"), std::string::npos) << name;
  }
  EXPECT_TRUE(help_text("nothing").empty());
}

TEST(Help, IsCutAtTheFirstParagraph) {
  const auto parts = help_parts("# title\n\nOne\nsentence.\n\nMore.\n\n## Examples\n\n    x\n");
  EXPECT_EQ(parts.summary, "One sentence.");
  EXPECT_EQ(parts.rest, "More.\n\nExamples:\n\n    x");
}

/// The code is the first argument of refuse( and notice(, or stands first in a Notice or Refusal.
std::set<std::string> codes_in_plan() {
  std::set<std::string> codes;
  const std::regex call(R"re((?:refuse|notice)\(\s*"([a-z-]+)")re");
  const auto folder = std::filesystem::path(HLID_SOURCE_DIR) / "src/plan";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto text = sys::read_file(entry.path());
    for (auto it = std::sregex_iterator(text.begin(), text.end(), call); it != std::sregex_iterator(); ++it)
      codes.insert((*it)[1]);
  }
  return codes;
}

TEST(Explain, KnowsEveryCodeOfThePlan) {
  std::set<std::string> known;
  for (const auto& section : sections_of(help_text("codes"))) {
    known.insert(section.name);
    EXPECT_FALSE(section.text.empty()) << section.name;
  }
  const auto wanted = codes_in_plan();
  EXPECT_GT(wanted.size(), 15U);
  for (const auto& code : wanted) EXPECT_TRUE(known.contains(code)) << "codes.md does not explain " << code;
}

TEST(NodeUnit, QuotesWhatSystemdWouldExpand) {
  const auto text = node_unit_text("/opt/a b/hlid-node", "/home/x%y", "asgard", false);
  EXPECT_NE(text.find(R"(ExecStart="/opt/a b/hlid-node" daemon --home "/home/x%%y" --node "asgard")"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("WantedBy=default.target"), std::string::npos);
  EXPECT_NE(text.find("KillMode=process"), std::string::npos);
  EXPECT_NE(node_unit_text("x", "y", "z", true).find("WantedBy=multi-user.target"), std::string::npos);
}

TEST(Machines, AreFoundByFullAndShortName) {
  model::Homelab lab;
  lab.name = "lab";
  lab.machines.resize(2);
  lab.machines[0].name = "lab-web-1";
  lab.machines[1].name = "lab-web-2";
  EXPECT_EQ(find_machine(lab, "lab-web-2").name, "lab-web-2");
  EXPECT_EQ(find_machine(lab, "web-1").name, "lab-web-1");
  try {
    find_machine(lab, "lab-wbe-1");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::usage);
    EXPECT_EQ(error.hint(), "did you mean 'lab-web-1'?");
  }
}

TEST(Text, OfTimeIsShort) {
  EXPECT_EQ(elapsed_text(7), "7 s");
  EXPECT_EQ(elapsed_text(185), "3 min 05 s");
}

plan::Plan small_plan() {
  plan::Plan plan;
  for (const auto kind : {plan::StepKind::clone, plan::StepKind::start}) {
    plan::Step step;
    step.kind = kind;
    step.subject = "lab-web-1";
    step.id = std::string(plan::to_string(kind)) + " lab-web-1";
    plan.steps.push_back(step);
  }
  return plan;
}

TEST(Progress, InPlainTellsEachPhaseOnceAndNotEachPercent) {
  const auto plan = small_plan();
  const auto progress = make_progress(ProgressStyle::plain, plan);
  ::testing::internal::CaptureStdout();
  progress->started(plan.steps[0]);
  progress->phase(plan.steps[0], "copying 1 %");
  progress->phase(plan.steps[0], "copying 2 %");
  progress->finished(plan.steps[0]);
  progress->started(plan.steps[1]);
  progress->finished(plan.steps[1]);
  const auto text = std::regex_replace(::testing::internal::GetCapturedStdout(), std::regex("[0-9]+ s"), "T");
  EXPECT_EQ(text,
            "   T  lab-web-1: cloning\n   T  lab-web-1: copying 1 %\n   T  lab-web-1: starting\n"
            "   T  lab-web-1: done in T\n");
}

TEST(Progress, InJsonIsAnObjectALine) {
  const auto plan = small_plan();
  const auto progress = make_progress(ProgressStyle::json, plan);
  ::testing::internal::CaptureStdout();
  progress->started(plan.steps[0]);
  progress->failed(plan.steps[0], Error(Errc::failed, "no"));
  progress->skipped(plan.steps[1], "clone failed");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            R"({"event":"started","step":"clone lab-web-1","subject":"lab-web-1"})"
            "\n"
            R"({"event":"failed","step":"clone lab-web-1","subject":"lab-web-1","error":"no","fix":null})"
            "\n"
            R"({"event":"skipped","step":"start lab-web-1","subject":"lab-web-1","why":"clone failed"})"
            "\n");
}

TEST(Progress, InJsonAlwaysTellsHowAFailureIsMended) {
  const auto plan = small_plan();
  const auto progress = make_progress(ProgressStyle::json, plan);
  ::testing::internal::CaptureStdout();
  Error error(Errc::failed, "no");
  error.with_hint("df -h");
  progress->failed(plan.steps[0], error);
  EXPECT_NE(::testing::internal::GetCapturedStdout().find(R"("fix":"df -h")"), std::string::npos);
}

}  // namespace
}  // namespace hlid::cli
