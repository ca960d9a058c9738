#pragma once
#include <filesystem>
#include <fstream>

#include "cluster/fetch.h"
#include "drive/cluster_goal.h"
#include "drive/cluster_observer.h"
#include "drive/observer.h"
#include "support/cluster_world.h"
#include "support/fake_http.h"
#include "sys/hash.h"
#include "unit/drive/lab.h"

/// A lab with a cluster on the fake hypervisor, whose guest agents lead into the simulated machines of the
/// cluster module's tests: what a plan's steps do there is seen whole.
namespace hlid::drive {

inline constexpr const char* kRelease = "v1.34.1+rke2r1";

/// A folder with one release's files, as `cluster.artifacts` wants it.
inline void write_release(const std::filesystem::path& folder, const std::string& version = kRelease) {
  const auto put = [&](const std::string& name, const std::string& content) {
    std::filesystem::create_directories(folder);
    std::ofstream(folder / name, std::ios::binary) << content;
    std::ofstream(folder / "sha256sum-amd64.txt", std::ios::app)
        << sys::sha256_hex(content) << "  " << name << "\n";
  };
  const sys::TempFolder scratch;
  sys::write_durable(scratch.path() / "manifest.json",
                     R"([{"RepoTags":["docker.io/rancher/rke2-runtime:)" + replace_all(version, "+", "-") +
                         R"(","docker.io/rancher/mirrored-kube-vip-kube-vip-iptables:v1.2.3"]}])");
  sys::PosixProcessRunner runner;
  const auto archive = (scratch.path() / "images").string();
  sys::run_checked(runner, {{"tar", "-cf", archive, "-C", scratch.path().string(), "manifest.json"}});
  put("rke2.linux-amd64.tar.gz", "program " + version);
  put("rke2-images.linux-amd64.tar.zst", sys::read_file(archive));
}

struct ClusterBench {
  /// Its machines: m-1 … and w-1 …, nothing of them made yet.
  explicit ClusterBench(int servers = 3, int agents = 1) : world(servers, agents) {
    write_release(folder.path() / "artifacts");
    auto& lab = world.lab;
    const auto base = small_lab();
    lab.image = base.image;
    lab.access = base.access;
    lab.network.dns = base.network.dns;
    lab.network.search_domain = "lab";
    lab.cluster->artifacts = (folder.path() / "artifacts").string();
    int vmid = 1001;
    for (auto& machine : lab.machines) {
      machine.vmid = {vmid++};
      machine.node = "asgard";
      machine.disk = gib(8);
    }
    for (auto& machine : world.sim.machines)
      machine.installed.clear(), machine.exists = machine.running = false;
    pve.storages = {"local", "local-zfs"};
    pve.bridges = {{"vmbr0", "10.10.10.1/24"}};
    pve.exec = [this](int id, const auto& argv, const auto& input) { return enter(id, argv, input); };
    pve.before = [this](const net::HttpRequest& request) { return read_file(request); };
    world.scripts["install"] = install;
  }

  test::ClusterWorld world;
  test::FakePve pve;
  test::FakeHttp internet;
  test::ScriptedProcess processes;
  sys::PosixProcessRunner tar;
  sys::TempFolder folder;
  FakeImage image;
  Secrets secrets{processes, [](const std::string&) { return std::optional<std::string>("secret"); }};
  HostKeys host_keys{folder.path() / "known_hosts"};
  SilentContext context;
  pve::Session session{pve, {"https://asgard:8006", {}}, world.clock};
  DiscShelf shelf{world.lab, folder.path() / "discs"};
  SeenCluster seen;

  model::Observed observe() {
    auto there = PveObserver(world.lab, session).observe({});
    seen = look_into_cluster(world.lab, there, session, shelf, false);
    there.cluster = seen.cluster;
    return there;
  }
  cluster::ReleaseAccess releases() {
    return {.cache = folder.path() / "cache",
            .http = internet,
            .runner = tar,
            .clock = world.clock,
            .releases = "https://releases.example",
            .channels = "https://channels.example"};
  }
  plan::Plan plan(plan::Options options = {}) {
    const auto there = observe();
    options.template_key = image.key();
    options.cluster = cluster_goal(world.lab, there.cluster, releases(), true);
    return plan::make_plan(world.lab, there, options);
  }
  void run(const plan::Step& step) {
    Workbench bench{world.lab, session, image, secrets, host_keys, false, folder.path() / "storage", {}};
    bench.discs = &shelf;
    bench.former = seen.former;
    bench.snapshots = folder.path() / "snapshots";
    bench.releases = [this](auto, auto) { return releases(); };
    PveStepRunner(bench).run(step, context, {});
  }
  void run(const plan::Plan& plan) {
    for (const auto& step : plan.steps) run(step);
  }

 private:
  std::string name_of(int id) const { return pve.guests.at(id).config.at("name"); }

  /// The simulated machines follow the hypervisor's.
  void follow() {
    for (auto& machine : world.sim.machines) {
      const auto found = std::find_if(pve.guests.begin(), pve.guests.end(), [&](const auto& one) {
        const auto name = one.second.config.find("name");
        return name != one.second.config.end() && name->second == machine.name;
      });
      machine.exists = found != pve.guests.end();
      const bool running = machine.exists && found->second.running;
      if (running && !machine.running) world.sim.power_on(machine);
      if (!running && machine.running) world.sim.cut_power(machine);
    }
  }

  /// guest-exec: a script on standard input, or the writing of a file.
  test::FakePve::Executed enter(int id, const std::vector<std::string>& argv, const std::string& input) {
    follow();
    const auto name = name_of(id);
    const std::vector<std::string> arguments(argv.begin() + 4, argv.end());
    if (contains(argv[2], "base64 -d >")) {
      world.write(name, arguments.at(0), base64_decode(input), arguments.at(1));
      return {};
    }
    const auto script = contains(argv[2], "base64") ? base64_decode(input) : input;
    if (!script.starts_with("# hlid:")) return {};  // discs
    const auto ran = world.call(name, script.substr(7, script.find('\n') - 7), arguments);
    return {ran.status, ran.output, ran.error_output};
  }

  std::optional<net::HttpResponse> read_file(const net::HttpRequest& request) {
    if (!contains(request.url, "/agent/file-read")) return std::nullopt;
    follow();
    const auto from = request.url.find("/qemu/") + 6;
    const auto question = request.url.find('?');
    std::string path;
    for (const auto& [key, value] : net::decode_form(request.url.substr(question + 1)))
      if (key == "file") path = value;
    const auto content = world.read(name_of(std::stoi(request.url.substr(from))), path);
    if (!content)
      return net::HttpResponse{500, "Agent error: No such file or directory", {}, R"({"data":null})"};
    return net::HttpResponse{
        200, "OK", {}, to_text(json::object{{"data", json::object{{"content", *content}}}})};
  }

  static cluster::Ran install(test::ClusterWorld&, test::SimMachine& machine,
                              const std::vector<std::string>& arguments) {
    const auto& wanted = arguments.at(3);
    if (arguments.at(0) == "place") machine.installed = wanted;
    return {0,
            "version=" + machine.installed + "\ncomplete=" + (machine.installed == wanted ? "yes" : "no") +
                "\nchanged=yes\n",
            ""};
  }
};

}  // namespace hlid::drive
