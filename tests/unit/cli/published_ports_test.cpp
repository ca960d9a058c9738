#include "cli/published_ports.h"

#include <gtest/gtest.h>

namespace hlid::cli {
namespace {

TEST(PublishedPorts, AreShownWithTheirState) {
  model::Homelab lab;
  lab.name = "lab";
  const Ipv4 local{0x7f000001};
  lab.publish = {{local, 6443, "vip", {}, 6443},
                 {local, 8080, "worker", {}, 80},
                 {{0}, 443, "worker", {}, 443},
                 {local, 9000, "web-1", {}, 9000}};
  model::Observed there;
  there.embedded = true;
  there.published = {{"lab", local, 6443, {"10.10.10.100:6443"}, true, "", 3, 1},
                     {"lab", local, 8080, {"10.10.10.111:80", "10.10.10.112:80"}, true, "", 0, 0},
                     {"lab", {0}, 443, {"10.10.10.111:443"}, false, "only root may listen on it", 0, 0},
                     {"other", local, 9000, {"10.10.10.9:1"}, true, "", 0, 1},
                     {"lab", local, 7777, {"10.10.10.111:7"}, true, "", 0, 1}};
  EXPECT_EQ(published_table(lab, there),
            "PUBLISHED              TO              STATE    \n"
            "127.0.0.1:6443         vip             open       1 of 1 answer, 3 connected\n"
            "127.0.0.1:8080         worker:80       silent     0 of 2 answer\n"
            "0.0.0.0:443            worker          closed     only root may listen on it\n"
            "127.0.0.1:9000         web-1           absent     \n"
            "127.0.0.1:7777         10.10.10.111:7  leftover   1 of 1 answer\n");
  const auto list = published_json(lab, there);
  ASSERT_EQ(list.size(), 5U);
  EXPECT_EQ(to_text(list[0]),
            R"({"listen":"127.0.0.1","port":6443,"to":"vip","state":"open",)"
            R"("detail":"1 of 1 answer, 3 connected","backends":1,"answering":1,"connections":3})");
}

TEST(PublishedPorts, WithoutAnyNothingIsShown) {
  model::Homelab lab;
  model::Observed there;
  there.embedded = true;
  EXPECT_EQ(published_table(lab, there), "");
  lab.publish = {{{0}, 80, "web", {}, 80}};
  there.embedded = false;
  EXPECT_EQ(published_table(lab, there), "") << "a Proxmox VE publishes nothing";
}

}  // namespace
}  // namespace hlid::cli
