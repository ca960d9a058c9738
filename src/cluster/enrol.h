#pragma once
#include <string>

#include "base/secret.h"
#include "cluster/config.h"
#include "cluster/form.h"
#include "cluster/probe.h"
#include "cluster/readiness.h"

/// What founding and joining have in common: everything that a machine needs before its unit starts, and the
/// start.
namespace hlid::cluster {

struct Enrolment {
  Stage stage = Stage::joining;
  std::string server_url;  ///< of Stage::joining
  Secret token;            ///< empty: the machine keeps the one it has
  Materials materials;
};

/// Checks the machine (first start only), prepares the host, writes token, configuration and the VIP's
/// manifest. True: something changed that a running process has not read. Throws Error(precondition) for a
/// machine without a release, or that cannot work, with what is wrong and its fix; what Guest throws.
bool enrol(const Site& site, Guest& guest, const model::Machine& machine, const MachineFacts& facts,
           const Enrolment& enrolment);

/// Starts the unit if it does not run, restarts it if it runs with what `changed`, and waits until the Node
/// is Ready.
void start_and_await(const Site& site, Guest& guest, const model::Machine& machine, const MachineFacts& facts,
                     bool changed);

/// D/server/token of a server that has one, in its full form, or D/server/agent-token for an agent; nullopt:
/// none.
std::optional<Secret> read_token(const Site& site, Guest& server, model::Role whose);

/// Stops the unit with all its containers and moves what `path` names (under D) aside, to "<path>-<why>-<Unix
/// time>": for data that can only do harm, but is nobody's to delete. Nothing there: only stops.
void set_aside(const Site& site, Guest& guest, const model::Machine& machine, const std::string& path,
               const std::string& why);

/// Starts the units of servers that have a datastore but do not run: without them there may be no quorum to
/// answer. Does not wait. `except` is left alone.
void revive(const Site& site, const std::vector<MachineFacts>& servers, const std::string& except);

}  // namespace hlid::cluster
