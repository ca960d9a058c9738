#pragma once
#include <string>

#include "model/homelab.h"

/// From a description of a template to a finished disk image, without an installer, a boot or root: root
/// folder from the package archive → configure → seal → image → verify, kept in a cache addressed by the
/// description. It knows neither Proxmox nor the homelab file; uploading the image is the caller's.
namespace hlid::templates {

/// What decides the content of a template. Of `access` only the user's name and the SSH port matter: no key
/// and no password ever enters an image.
struct BuildRequest {
  model::Template image;
  model::Access access;
};

/// What an image with another key may hold something else for: SHA-256, in hexadecimal, of the canonical
/// description, this builder's version and the archive keys that it trusts; of a ready image the path, size
/// and time of its file. Throws Error(io) when that cannot be read, and Error(spec) for an unknown `os`.
std::string content_key(const BuildRequest& request);

/// Throws Error(spec) for values that can never give a template: unknown os, malformed package name, locale,
/// keyboard, time zone or user.
void check_request(const BuildRequest& request);

}  // namespace hlid::templates
