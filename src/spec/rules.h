#pragma once
#include "spec/build.h"
#include "spec/format.h"

namespace hlid::spec {

/// What no single value shows: overlaps, quorum, what must lie within what. All of it is reported.
void check_rules(const Section& top, const Draft& draft, Diagnostics& diagnostics);

// its parts, by subject
void check_network_rules(const Section& top, const Draft& draft, Diagnostics& diagnostics);
void check_machine_rules(const Section& top, const Draft& draft, Diagnostics& diagnostics);
void check_publish_rules(const Section& top, const Draft& draft, Diagnostics& diagnostics);
void check_cluster_rules(const Section& top, const Draft& draft, Diagnostics& diagnostics);
void check_options(const Section& cluster, Diagnostics& diagnostics);
void check_overlaps(const Section& top, const Draft& draft, Diagnostics& diagnostics);

/// Wrong for a host of that network; nullopt when one may have the address.
std::optional<Fault> unfit(Ipv4 address, const Cidr& network);

}  // namespace hlid::spec
