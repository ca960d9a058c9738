#include "cli/published_ports.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace hlid::cli {
namespace {

struct PortRow {
  Ipv4 listen;
  int port = 0;
  std::string to;  ///< as the file says; of one that is not in it, the addresses
  const model::ObservedPublish* there = nullptr;
  bool in_file = true;

  /// absent: not published (yet); closed: it cannot listen; silent: nobody answers behind it.
  std::string_view state() const {
    if (!in_file) return "leftover";
    if (there == nullptr) return "absent";
    if (!there->active) return "closed";
    return there->answering == 0 ? "silent" : "open";
  }
  std::string detail() const {
    if (there == nullptr) return "";
    if (!there->error.empty()) return there->error;
    auto text = fmt::format("{} of {} answer", there->answering, there->to.size());
    if (there->connections > 0) text += fmt::format(", {} connected", there->connections);
    return text;
  }
};

bool is_at(const model::ObservedPublish& there, const model::Homelab& lab, const PortRow& row) {
  return there.lab == lab.name && there.listen == row.listen && there.port == row.port;
}

std::vector<PortRow> rows_of(const model::Homelab& lab, const model::Observed& there) {
  std::vector<PortRow> rows;
  if (!there.embedded) return rows;
  for (const auto& wanted : lab.publish) {
    PortRow row{wanted.listen, wanted.port, wanted.to};
    if (wanted.target_port != wanted.port) row.to += fmt::format(":{}", wanted.target_port);
    for (const auto& port : there.published)
      if (is_at(port, lab, row)) row.there = &port;
    rows.push_back(std::move(row));
  }
  for (const auto& port : there.published) {
    const bool known =
        std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.there == &port; });
    if (port.lab == lab.name && !known)
      rows.push_back({port.listen, port.port, join(port.to, ","), &port, false});
  }
  return rows;
}

}  // namespace

std::string published_table(const model::Homelab& lab, const model::Observed& there) {
  const auto rows = rows_of(lab, there);
  if (rows.empty()) return "";
  std::size_t width = 2;
  for (const auto& row : rows) width = std::max(width, row.to.size());
  std::string out = fmt::format("{:<21}  {:<{}}  {:<9}\n", "PUBLISHED", "TO", width, "STATE");
  for (const auto& row : rows)
    out += fmt::format("{:<21}  {:<{}}  {:<9}  {}\n", fmt::format("{}:{}", to_string(row.listen), row.port),
                       row.to, width, row.state(), row.detail());
  return out;
}

json::array published_json(const model::Homelab& lab, const model::Observed& there) {
  json::array list;
  for (const auto& row : rows_of(lab, there)) {
    json::object port{{"listen", to_string(row.listen)},
                      {"port", row.port},
                      {"to", row.to},
                      {"state", row.state()},
                      {"detail", row.detail()}};
    if (row.there != nullptr) {
      port["backends"] = row.there->to.size();
      port["answering"] = row.there->answering;
      port["connections"] = row.there->connections;
    }
    list.push_back(std::move(port));
  }
  return list;
}

}  // namespace hlid::cli
