#include "guest/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/personalise.h"
#include "guest/warm_values.h"

namespace hlid::guest {
namespace {

/// Files and folders (their files, one level) in which cloud-init and netplan write what it is told.
constexpr off_t kMostInFile = 256 * 1024;  // cloud-init's are small; ssh's moduli are not, and cost a second
constexpr const char* kPlaces[] = {
    "/etc/hosts",          "/etc/netplan",           "/etc/ssh",          "/etc/systemd/network",
    "/root/.ssh",          "/run/systemd/network",   "/run/udev/rules.d", "/run/cloud-init",
    "/var/lib/cloud/data", "/var/lib/cloud/instance"};

struct Owner {
  uid_t user = 0;
  gid_t group = 0;
  mode_t mode = 0644;
};

bool write_all(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const auto written = ::write(fd, text.data() + done, text.size() - done);
    if (written <= 0) return false;
    done += static_cast<std::size_t>(written);
  }
  return true;
}

bool replace_file(const std::string& path, const std::string& text, Owner owner) {
  const std::string temporary = path + ".hlid";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  const bool owned = ::fchown(fd, owner.user, owner.group) == 0 || ::geteuid() != 0;
  const bool written = owned && write_all(fd, text) && ::fchmod(fd, owner.mode & 07777U) == 0;
  ::close(fd);
  if (written && ::rename(temporary.c_str(), path.c_str()) == 0) return true;
  ::unlink(temporary.c_str());
  return false;
}

/// The work on one root folder, collecting what went wrong.
class Writer {
 public:
  Writer(std::string root, const Identity& identity)
      : root_(std::move(root)), identity_(identity), all_(substitutions(identity)) {}

  void personalise_place(const std::string& place) {
    struct stat info {};
    if (::stat((root_ + place).c_str(), &info) != 0) return;
    if (!S_ISDIR(info.st_mode)) return personalise_file(place, info);
    for (const auto& name : names_in(root_ + place)) {
      const std::string path = place + "/" + name;
      if (::lstat((root_ + path).c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= kMostInFile)
        personalise_file(path, info);
    }
  }

  void put(const std::string& path, const std::string& text, mode_t mode) {
    put(path, text, Owner{0, 0, mode});
  }

  /// A boot writes it into the file that is there, or makes a read-only one (machine-id(5)).
  void put_machine_id(const std::string& id) {
    struct stat info {};
    const bool there = ::stat((root_ + "/etc/machine-id").c_str(), &info) == 0;
    put("/etc/machine-id", id + "\n", there ? info.st_mode : 0444);
  }

  void put_like(const std::string& path, const std::string& text) {
    struct stat info {};
    if (::stat((root_ + path).c_str(), &info) != 0) return fail(path);
    put(path, text, Owner{info.st_uid, info.st_gid, info.st_mode});
  }

  void name_instance_folder() {
    const std::string folder = root_ + "/var/lib/cloud/instances/";
    const std::string link = root_ + "/var/lib/cloud/instance";
    const std::string own = folder + identity_.instance_id;
    if (::rename((folder + std::string(warm::kInstanceId)).c_str(), own.c_str()) != 0)
      return fail("instance folder");
    ::unlink(link.c_str());
    if (::symlink(("/var/lib/cloud/instances/" + identity_.instance_id).c_str(), link.c_str()) != 0)
      fail("instance");
    // A pickle has the lengths of its texts in it; cloud-init writes it anew at the next boot.
    ::unlink((own + "/obj.pkl").c_str());
  }

  std::string text_of(const std::string& path) const { return read_file(root_ + path); }
  std::vector<std::string> failures() { return std::move(failures_); }

 private:
  void fail(const std::string& what) { failures_.push_back("cannot write " + what); }

  void put(const std::string& path, const std::string& text, Owner owner) {
    if (!replace_file(root_ + path, text, owner)) fail(path);
  }

  void personalise_file(const std::string& path, const struct stat& info) {
    const std::string before = read_file(root_ + path);
    const std::string after =
        path.ends_with(".json") ? personalise_json(before, all_) : personalise(before, all_);
    if (after != before) put(path, after, Owner{info.st_uid, info.st_gid, info.st_mode});
  }

  std::string root_;
  const Identity& identity_;
  std::vector<Substitution> all_;
  std::vector<std::string> failures_;
};

void write_host_keys(Writer& writer, const Identity& identity) {
  for (const auto& key : identity.host_keys) {
    const std::string path = "/etc/ssh/ssh_host_" + key.kind + "_key";
    writer.put(path, key.private_key, 0600);
    writer.put(path + ".pub", key.public_key + "\n", 0644);
  }
}

std::string home_of(const std::string& passwd, const std::string& user) {
  const auto line = passwd.starts_with(user + ":") ? 0 : passwd.find("\n" + user + ":");
  if (line == std::string::npos) return {};
  std::string entry = passwd.substr(line == 0 ? 0 : line + 1);
  entry = entry.substr(0, entry.find('\n'));
  for (int field = 0; field < 5; ++field) entry.erase(0, entry.find(':') + 1);
  return entry.substr(0, entry.find(':'));
}

void write_user(Writer& writer, const Identity& identity, std::vector<std::string>& failures) {
  const std::string home = home_of(writer.text_of("/etc/passwd"), identity.user);
  if (home.empty()) {
    failures.push_back("no user '" + identity.user + "' in the template");
    return;
  }
  std::string keys;
  for (const auto& key : identity.authorized_keys) keys += key + "\n";
  writer.put_like(home + "/.ssh/authorized_keys", keys);
  writer.put_like("/etc/shadow",
                  with_password(writer.text_of("/etc/shadow"), identity.user, identity.password_hash));
}

}  // namespace

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  DIR* open = ::opendir(folder.c_str());
  if (open == nullptr) return names;
  while (const dirent* entry = ::readdir(open)) names.emplace_back(entry->d_name);
  ::closedir(open);
  return names;
}

std::string read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text;
  if (fd < 0) return text;
  char buffer[65536];
  for (ssize_t got = ::read(fd, buffer, sizeof buffer); got > 0; got = ::read(fd, buffer, sizeof buffer))
    text.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  return text;
}

std::vector<std::string> write_identity(const std::string& root, const Identity& identity,
                                        const std::string& random_seed) {
  Writer writer(root, identity);
  std::vector<std::string> failures;
  writer.name_instance_folder();
  for (const char* place : kPlaces) writer.personalise_place(place);
  writer.put("/etc/hostname", identity.hostname + "\n", 0644);
  writer.put_machine_id(identity.machine_id);
  writer.put("/var/lib/systemd/random-seed", random_seed, 0600);
  write_host_keys(writer, identity);
  write_user(writer, identity, failures);
  for (auto& failure : writer.failures()) failures.push_back(std::move(failure));
  return failures;
}

}  // namespace hlid::guest
