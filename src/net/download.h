#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "net/http_client.h"

namespace hlid::net {

/// A file to fetch by GET, going on where an earlier attempt broke off (RFC 9110, section 14).
struct Download {
  std::string url;
  /// Where it goes; what it holds already is asked for no more. `<file>.etag` beside it says which
  /// representation that was, if the server tells them apart.
  std::filesystem::path file;
  std::int64_t limit = std::int64_t{16} << 30;  ///< bytes; what is larger is refused
  std::chrono::milliseconds stall{60'000};      ///< given up when nothing came for that long
  /// Bytes that are there, and of the whole file (0: the server does not say). Called with every piece.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress = {};
};

struct Downloaded {
  std::int64_t size = 0;  ///< bytes
  std::int64_t kept = 0;  ///< of them from earlier attempts
};

/// One attempt. Redirects are followed, five at most and only to https. The file is whole and synced when it
/// returns; after an Error what came is kept for the next attempt. A server that does not resume, or has
/// another file by now, starts anew. Throws Error: io, timeout and interrupted (worth another attempt),
/// not_found (404, 410), denied (401, 403), protocol (what HTTP does not allow, more than `limit`, a redirect
/// to something else than https), precondition (the disk has no room for it: found before anything is
/// written where the server says how long it is).
Downloaded download(HttpClient& client, const Download& what, std::stop_token stop = {});

/// Where a redirect leads: `location` of an answer to `url` (RFC 3986, section 5.2, without dot segments).
std::string resolve_location(const std::string& url, const std::string& location);

}  // namespace hlid::net
