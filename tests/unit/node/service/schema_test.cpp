#include "node/service/schema.h"

#include <gtest/gtest.h>

#include "wire/api_error.h"

namespace hlid::node::service {
namespace {

Errors check_call(std::string_view method, std::string_view path,
                  std::initializer_list<std::pair<std::string, std::string>> values) {
  static const Schemas schemas;
  Params params;
  for (const auto& [name, value] : values) params.add(name, value);
  const Schema* schema = schemas.find(method, path);
  EXPECT_NE(schema, nullptr);
  return check(*schema, params);
}

Errors check_create(std::initializer_list<std::pair<std::string, std::string>> values) {
  Errors errors = check_call("POST", "/nodes/{node}/qemu", values);
  errors.erase("node");
  return errors;
}

// The texts are those that the real server answered (tests/contract/recordings 054-075, 083, 151, 190).
TEST(Schema, SaysWhatIsWrongInProxmoxWords) {
  EXPECT_EQ(check_create({{"vmid", "abc"}}), (Errors{{"vmid", "type check ('integer') failed - got 'abc'"}}));
  EXPECT_EQ(check_create({}), (Errors{{"vmid", "property is missing and it is not optional"}}));
  EXPECT_EQ(check_create({{"vmid", "100"}, {"name", "a"}, {"name", "b"}}),
            (Errors{{"name", "type check ('string') failed - got ARRAY"}}));
  EXPECT_EQ(check_create({{"vmid", "100"}, {"onboot", "true"}}),
            (Errors{{"onboot", "type check ('boolean') failed - got 'true'"}}));
  EXPECT_EQ(check_create({{"vmid", "100"}, {"scsihw", "x"}}).at("scsihw"),
            "value 'x' does not have a value in the enumeration 'lsi, lsi53c810, virtio-scsi-pci, "
            "virtio-scsi-single, "
            "megasas, pvscsi'");
}

TEST(Schema, CollectsSeveralErrorsAtOnce) {
  EXPECT_EQ(
      check_create({{"vmid", "99"}, {"cores", "0"}, {"memory", "8"}, {"foo", "1"}}),
      (Errors{
          {"vmid", "invalid format - value does not look like a valid VM ID\n"},
          {"cores", "value must have a minimum value of 1"},
          {"memory",
           "invalid format - format error\nmemory.current: value must have a minimum value of 16\n"},
          {"foo", "property is not defined in schema and the schema does not allow additional properties"}}));
}

TEST(Schema, NestsTheErrorsOfPropertyStrings) {
  const auto problem = [](const char* key, const char* value) {
    return check_create({{"vmid", "100"}, {key, value}}).at(key);
  };
  EXPECT_EQ(problem("net0", "bridge=vmbr0"),
            "invalid format - format error\nnet0.model: property is missing and it is not optional\n");
  EXPECT_EQ(problem("net0", "virtio,bridge=vmbr0,bridge=vmbr1"),
            "invalid format - duplicate key in comma-separated list property: bridge\n");
  EXPECT_EQ(
      problem("ipconfig0", "ip=10.0.0.300/24"),
      "invalid format - format error\nipconfig0.ip: invalid format - value does not look like a valid ipv4 "
      "network configuration\n\n");
  EXPECT_EQ(problem("ipconfig0", "gw=10.0.0.1"),
            "invalid format - format error\nipconfig0.ip: missing property - 'ipconfig0.gw' requires this "
            "property\n");
  EXPECT_EQ(
      problem("scsi0", "junk"),
      "invalid format - format error\nscsi0.file: invalid format - unable to parse volume ID 'junk'\n\n");
}

TEST(Schema, AcceptsWhatRealClientsSend) {
  EXPECT_EQ(
      check_create({{"vmid", "100"},
                    {"net0", "model=virtio,bridge=vmbr0,firewall=0,macaddr=BC:24:11:00:00:01,queues=2"},
                    {"net1", "virtio=bc:24:11:00:00:02,bridge=vmbr0"},
                    {"virtio0", "local:0,import-from=local:import/noble.qcow2,iothread=on"},
                    {"ide2", "file=local:cloudinit"},
                    {"ipconfig0", "gw=10.0.0.1,ip=10.0.0.5/24"},
                    {"ipconfig1", "ip=dhcp,ip6=auto"},
                    {"agent", "enabled=1,fstrim_cloned_disks=0,type=virtio"},
                    {"boot", "order=virtio0;ide2"},
                    {"tags", "b;a"},
                    {"cpu", "host,flags=+aes"},
                    {"smbios1", "uuid=11111111-2222-3333-4444-555555555555,manufacturer=QUNNRQ==,base64=1"},
                    {"startup", "order=2,up=5"},
                    {"sshkeys", "ssh-ed25519%20AAAA%0A"},
                    {"nameserver", "10.254.0.1 1.1.1.1"},
                    {"serial0", "socket"},
                    {"machine", "q35"},
                    {"watchdog", "model=i6300esb,action=reset"},
                    {"hotplug", "disk,network"},
                    {"vga", "serial0"}}),
      Errors{});
}

TEST(Schema, TakesListsAsArraysAndArraysAsLists) {
  static const Schemas schemas;
  Params params;
  params.add("node", "asgard");
  params.add("vmid", "100");
  params.add("command", "/bin/true");
  const Schema* exec = schemas.find("POST", "/nodes/{node}/qemu/{vmid}/agent/exec");
  ASSERT_NE(exec, nullptr);
  require_valid(*exec, params);
  EXPECT_EQ(params.find("command")->kind, Value::Kind::array);

  Params update;
  for (const auto& [name, value] :
       {std::pair("node", "a"), {"vmid", "100"}, {"delete", "ide2"}, {"delete", "net7"}}) {
    update.add(name, value);
  }
  require_valid(*schemas.find("PUT", "/nodes/{node}/qemu/{vmid}/config"), update);
  EXPECT_EQ(update.get("delete"), "ide2,net7");
}

TEST(Schema, HugeTextsDoNotHurt) {
  const std::string huge(400'000, '1');
  EXPECT_EQ(check_call("PUT", "/nodes/{node}/qemu/{vmid}/resize",
                       {{"node", "a"}, {"vmid", "100"}, {"disk", "scsi0"}, {"size", huge}}),
            (Errors{{"size", "value does not match the regex pattern"}}));
  EXPECT_EQ(check_create({{"vmid", huge}}).count("vmid"), 1U);
  EXPECT_EQ(check_create({{"vmid", "100"}, {"net0", huge}}).count("net0"), 1U);
}

TEST(Schema, NullsOfJsonCountAsAbsent) {
  Params params;
  add_json_body(params, R"({"vmid": 106, "memory": 64, "onboot": true, "tags": null, "a": [1, "b"]})");
  EXPECT_EQ(params.get("vmid"), "106");
  EXPECT_EQ(params.get("onboot"), "1");
  EXPECT_FALSE(params.has("tags"));
  EXPECT_EQ(params.list("a"), (std::vector<std::string>{"1", "b"}));
  EXPECT_THROW(add_json_body(params, "[1]"), wire::ApiError);
}

}  // namespace
}  // namespace hlid::node::service
