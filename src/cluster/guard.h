#pragma once
#include <optional>
#include <string>

#include "cluster/site.h"
#include "model/observed_cluster.h"

/// What the verbs ask before they take a member away, besides quorum.h: what only the machines themselves can
/// tell.
namespace hlid::cluster {

/// A change of the token that was interrupted: the server on which it was begun, and the new token. While
/// there is one, some members know the old token and some the new one, and one that is started might be
/// refused.
struct TokenChange {
  std::string server;
  std::string token;  ///< its secret part; never shown
};
/// Where a begun change keeps the token, on the server that makes it the cluster's.
std::string token_change_path(const Site& site);
std::optional<TokenChange> begun_token_change(const Site& site, const model::ObservedCluster& observed);

/// `machine` may be restarted now, "to upgrade": quorum.h for a server, and no begun change of the token.
/// Throws Error(precondition).
void require_restart(const Site& site, const model::ObservedCluster& observed, const model::Machine& machine,
                     const std::string& doing);
/// Gives the machine the cluster's token where it has another, as one that was away when it changed: a unit
/// that is restarted with it would be refused. Nothing where no other server answers.
void refresh_token(const Site& site, const model::ObservedCluster& observed, Guest& guest,
                   const model::Machine& machine);
/// Throws Error(precondition) while a change of the token is begun.
void require_settled_token(const Site& site, const model::ObservedCluster& observed, const std::string& doing,
                           const std::string& machine);

}  // namespace hlid::cluster
