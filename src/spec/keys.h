#pragma once
#include "spec/check.h"
#include "spec/spec.h"

namespace hlid::spec {

/// Fills homelab.access.authorized_keys: literal keys and those of the files named; says what is missing or
/// no key.
void resolve_keys(const Section& access, const World& world, Result& result);

/// A console password by an environment variable that is not set is none, with a warning: the variable
/// belongs to whoever wrote the file, and the machines work without.
void resolve_console_password(const Section& access, const World& world, Result& result);

/// Warns of published ports that this user may not listen on.
void warn_of_ports(const Section& top, const World& world, Result& result);

/// Replaces a leading "~/" in the paths that the lab keeps.
void resolve_paths(const World& world, model::Homelab& lab);

}  // namespace hlid::spec
