#include "node_api.h"

#include <gtest/gtest.h>

#include "support/lab.h"
#include "sys/clock.h"
#include "sys/files.h"

namespace hlid::test {

NodeApi::NodeApi(const Lab& lab, const std::string& node) : node_(node) {
  const auto text = sys::read_file(lab.node_folder(node) / "etc/priv/client.json");
  const auto object = parse_json(text, "client.json").as_object();
  endpoint_ = get_string(object, "endpoint").value();
  authorization_ = "PVEAPIToken=" + get_string(object, "token").value();
  ca_file_ = get_string(object, "ca").value();
  client_ = std::make_unique<net::CurlHttpClient>(net::TlsTrust{.ca_file = ca_file_});
}

net::HttpResponse NodeApi::send(const std::string& method, const std::string& path, const net::Form& form) {
  net::HttpRequest request{
      .method = method, .url = url(path), .headers = {{"Authorization", authorization_}}};
  if (!form.empty() && (method == "GET" || method == "DELETE")) {
    request.url += "?" + net::encode_form(form);
  } else if (!form.empty()) {
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.body = net::encode_form(form);
  }
  return client_->send(request);
}

json::value NodeApi::call(const std::string& method, const std::string& path, const net::Form& form) {
  const auto response = send(method, path, form);
  EXPECT_EQ(response.status, 200) << method << " " << path << ": " << response.reason << "\n"
                                  << response.body;
  if (response.status != 200) return nullptr;
  const auto body = parse_json(response.body, path);
  const auto* data = body.as_object().if_contains("data");
  return data == nullptr ? json::value() : *data;
}

json::value NodeApi::get(const std::string& path) {
  return call("GET", path);
}

std::string NodeApi::wait(const std::string& upid) {
  sys::SystemClock clock;
  for (int n = 0; n < 1200; ++n) {
    const auto status = get("/nodes/" + node_ + "/tasks/" + upid + "/status");
    if (!status.is_object()) return "no such task";
    if (get_string(status.as_object(), "status") == "stopped")
      return get_string(status.as_object(), "exitstatus").value_or("(none)");
    clock.sleep(std::chrono::milliseconds(100));
  }
  return "still running after two minutes";
}

std::string NodeApi::run(const std::string& method, const std::string& path, const net::Form& form) {
  const auto data = call(method, path, form);
  return data.is_string() ? wait(std::string(data.as_string())) : "no task";
}

std::string NodeApi::upload(const std::string& storage, const std::string& content, const std::string& file,
                            const std::string& name) {
  const auto response = client_->send({.method = "POST",
                                       .url = url("/nodes/" + node_ + "/storage/" + storage + "/upload"),
                                       .headers = {{"Authorization", authorization_}},
                                       .upload = net::Upload{{{"content", content}}, file, name}});
  EXPECT_EQ(response.status, 200) << response.reason << "\n" << response.body;
  if (response.status != 200) return response.reason;
  const auto body = parse_json(response.body, "upload").as_object();
  return wait(get_string(body, "data").value_or(""));
}

void make_tiny_machine(NodeApi& api, int vmid, const std::string& name, const net::Form& more) {
  net::Form form{{"vmid", std::to_string(vmid)},
                 {"name", name},
                 {"memory", "192"},
                 {"cores", "1"},
                 {"ostype", "l26"},
                 {"scsihw", "virtio-scsi-pci"},
                 {"agent", "enabled=1"},
                 {"net0", "virtio,bridge=vmbr0"},
                 {"serial0", "socket"},
                 {"boot", "order=virtio0"},
                 {"virtio0", "local:0,import-from=local:import/tiny.raw"}};
  form.insert(form.end(), more.begin(), more.end());
  EXPECT_EQ(api.run("POST", "/nodes/asgard/qemu", form), "OK");
}

bool agent_answers(NodeApi& api, int vmid, int seconds) {
  sys::SystemClock clock;
  for (int n = 0; n < seconds * 2; ++n) {
    if (api.send("POST", "/nodes/asgard/qemu/" + std::to_string(vmid) + "/agent/ping").status == 200)
      return true;
    clock.sleep(std::chrono::milliseconds(500));
  }
  return false;
}

bool becomes(NodeApi& api, int vmid, const std::string& status, int seconds) {
  sys::SystemClock clock;
  for (int n = 0; n < seconds * 5; ++n) {
    const auto current = api.get("/nodes/asgard/qemu/" + std::to_string(vmid) + "/status/current");
    if (current.is_object() && get_string(current.as_object(), "status") == status) return true;
    clock.sleep(std::chrono::milliseconds(200));
  }
  return false;
}

}  // namespace hlid::test
