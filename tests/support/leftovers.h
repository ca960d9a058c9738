#pragma once
#include <sys/types.h>

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// Looks for what a lab may have left on the machine; of each kind, in words.
namespace hlid::test {

/// Living processes with `mark` in their command line or environment, but not the caller.
std::vector<pid_t> processes_of(std::string_view mark);
/// The name of its program, "" when it is gone.
std::string process_name(pid_t pid);
std::string describe_process(pid_t pid);

/// Of the network namespace that the test runs in.
std::set<std::string> network_interfaces();
/// Whether a node of ours could have made an interface of that name.
bool is_ours(std::string_view interface_name);

/// Machine configurations, disks, sockets and pid files of machines under a home.
std::vector<std::string> files_left(const std::filesystem::path& home);
/// Lock files under a home that somebody holds.
std::vector<std::string> held_locks(const std::filesystem::path& home);
/// Files under a folder in which `needle` occurs.
std::vector<std::string> files_with(const std::filesystem::path& folder, std::string_view needle);

}  // namespace hlid::test
