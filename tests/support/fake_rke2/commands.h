#pragma once
#include <string>
#include <vector>

/// The command lines of `rke2` that talk to a running supervisor or work on files. Each returns the exit
/// status.
namespace hlid::fake_rke2 {

int snapshot_command(std::vector<std::string> arguments);
int token_command(std::vector<std::string> arguments);
int certificate_command(std::vector<std::string> arguments);
int encryption_command(std::vector<std::string> arguments);

}  // namespace hlid::fake_rke2
