#include "node/storage/dir_storage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "node/storage/qcow2.h"
#include "node/storage/storages.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::storage {
namespace {

/// The text of the ApiError that `call` throws, "" when it throws none.
template <typename Call>
std::string failure_of(Call call) {
  try {
    call();
    return "";
  } catch (const wire::ApiError& error) {
    if (error.errors().empty()) return error.message();
    return error.errors().begin()->first + ": " + error.errors().begin()->second;
  }
}

class DirStorageTest : public ::testing::Test {
 protected:
  DirStorageTest() { open(); }
  void open() {
    storages_.emplace(folder_.path() / "storage.cfg", folder_.path() / "vz", runner_);
    local_ = storages_->find("local");
  }
  std::filesystem::path file(const std::string& volume) {
    return local_->path_of(*wire::parse_volume_id(volume));
  }
  wire::VolumeId volume(const std::string& text) { return *wire::parse_volume_id(text); }
  std::string qemu_img(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "qemu-img");
    return sys::run_checked(runner_, {.argv = arguments});
  }

  sys::TempFolder folder_;
  sys::PosixProcessRunner runner_;
  std::optional<Storages> storages_;
  StoragePtr local_;
};

TEST_F(DirStorageTest, AllocatesUnderTheLowestFreeNumber) {
  EXPECT_EQ(to_string(local_->allocate({100}, "raw", gib(4))), "local:100/vm-100-disk-0.raw");
  EXPECT_EQ(to_string(local_->allocate({100}, "qcow2", gib(1))), "local:100/vm-100-disk-1.qcow2");
  EXPECT_EQ(to_string(local_->allocate({100}, "raw", mib(4), "vm-100-cloudinit.raw")),
            "local:100/vm-100-cloudinit.raw");
  EXPECT_TRUE(local_->remove(volume("local:100/vm-100-disk-0.raw")));
  EXPECT_EQ(to_string(local_->allocate({100}, "raw", gib(4))), "local:100/vm-100-disk-0.raw");
  const auto info = local_->info(volume("local:100/vm-100-disk-0.raw"));
  EXPECT_EQ(info.size, gib(4));
  EXPECT_LT(info.used, mib(1));
  EXPECT_EQ(info.vmid, Vmid{100});
  EXPECT_EQ(local_->info(volume("local:100/vm-100-disk-1.qcow2")).size, gib(1));
}

TEST_F(DirStorageTest, RefusesNamesAsProxmox) {
  local_->allocate({100}, "qcow2", mib(16), "vm-100-disk-9.qcow2");
  EXPECT_EQ(
      failure_of([&] { local_->allocate({100}, "qcow2", mib(16), "vm-100-disk-9.qcow2"); }),
      "disk image '" + (folder_.path() / "vz/images/100/vm-100-disk-9.qcow2").string() + "' already exists");
  EXPECT_EQ(to_string(local_->allocate({100}, "qcow2", mib(16), "foo.qcow2")), "local:100/foo.qcow2");
  EXPECT_EQ(failure_of([&] { local_->allocate({100}, "raw", mib(1), "../x.raw"); }),
            "unable to parse volume filename '../x.raw'");
  EXPECT_EQ(failure_of([&] { local_->allocate({100}, "raw", mib(1), "x.qcow2"); }),
            "illegal name 'x.qcow2' - wrong extension for format ('qcow2' != 'raw')");
  EXPECT_NE(failure_of([&] { local_->allocate({100}, "subvol", mib(1)); }), "");
}

TEST_F(DirStorageTest, QemuAcceptsOurQcow2) {
  for (const auto size : {mib(1), gib(50), Bytes{513}, gib(5000)}) {
    const auto id = local_->allocate({100}, "qcow2", size);
    qemu_img({"check", "-q", "-f", "qcow2", local_->path_of(id).string()});
    EXPECT_EQ(image::QemuImg(runner_).info(local_->path_of(id)).virtual_size.count,
              (size.count + 511) / 512 * 512);
    local_->remove(id);
  }
}

TEST_F(DirStorageTest, ALinkedCloneReadsItsBase) {
  const auto disk = local_->allocate({9000}, "raw", mib(8));
  sys::write_durable(local_->path_of(disk), std::string(8 << 20, 'b'));
  EXPECT_EQ(failure_of([&] { local_->clone_linked(disk, {1001}); }), "clone_image only works on base images");
  const auto base = local_->make_base(disk);
  EXPECT_EQ(to_string(base), "local:9000/base-9000-disk-0.raw");
  EXPECT_TRUE(local_->is_base(base));
  EXPECT_EQ(failure_of([&] { local_->make_base(base); }), "create_base not possible with base image");
  struct stat info {};
  ASSERT_EQ(::stat(local_->path_of(base).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0444U);

  const auto clone = local_->clone_linked(base, {1001});
  EXPECT_EQ(to_string(clone), "local:9000/base-9000-disk-0.raw/1001/vm-1001-disk-0.qcow2");
  qemu_img({"check", "-q", local_->path_of(clone).string()});
  EXPECT_TRUE(image::QemuImg(runner_).equal(local_->path_of(clone), "qcow2", local_->path_of(base), "raw"));
  EXPECT_EQ(local_->info(clone).size, mib(8));
  EXPECT_EQ(local_->info(clone).parent, "../9000/base-9000-disk-0.raw");

  // Recording 372.
  EXPECT_EQ(failure_of([&] { local_->remove(base); }),
            "base volume '9000/base-9000-disk-0.raw' is still in use by linked clones");
  const auto list = local_->list("images", Vmid{1001});
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].id, clone);
  local_->resize(clone, mib(16));
  EXPECT_EQ(local_->info(clone).size, mib(16));
  EXPECT_TRUE(local_->remove(clone));
  EXPECT_TRUE(local_->remove(base));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "vz/images/1001"));
}

TEST_F(DirStorageTest, AFullCloneHasTheSameContentAndHoles) {
  const auto source = local_->allocate({9000}, "raw", mib(64));
  const int fd = ::open(local_->path_of(source).c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(::pwrite(fd, "data", 4, 20 << 20), 4);
  ASSERT_EQ(::pwrite(fd, "end", 3, (64 << 20) - 3), 3);
  ::close(fd);
  std::int64_t last = 0;
  const auto copy = local_->clone_full({local_->path_of(source), "raw"}, {1001}, "raw",
                                       [&](Bytes done, Bytes total) {
                                         last = done.count;
                                         EXPECT_EQ(total, mib(64));
                                       },
                                       {});
  EXPECT_EQ(to_string(copy), "local:1001/vm-1001-disk-0.raw");
  EXPECT_EQ(last, mib(64).count);
  EXPECT_TRUE(image::QemuImg(runner_).equal(local_->path_of(copy), "raw", local_->path_of(source), "raw"));
  EXPECT_LE(local_->info(copy).used, mib(1));

  const auto other = local_->clone_full({local_->path_of(source), "raw"}, {1001}, "qcow2", {}, {});
  EXPECT_EQ(to_string(other), "local:1001/vm-1001-disk-1.qcow2");
  EXPECT_TRUE(image::QemuImg(runner_).equal(local_->path_of(other), "qcow2", local_->path_of(source), "raw"));
}

TEST_F(DirStorageTest, AStoppedOrFailedCopyLeavesNothing) {
  const auto source = local_->allocate({9000}, "raw", mib(4));
  sys::write_durable(local_->path_of(source), std::string(4 << 20, 'x'));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(local_->clone_full({local_->path_of(source), "raw"}, {1001}, "raw", {}, stop.get_token()),
               Error);
  EXPECT_THROW(local_->clone_full({"/nonexistent", "qcow2"}, {1001}, "raw", {}, {}), Error);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "vz/images/1001"));
  EXPECT_EQ(to_string(local_->allocate({1001}, "raw", mib(1))), "local:1001/vm-1001-disk-0.raw");
}

TEST_F(DirStorageTest, ForeignImagesMustStandAlone) {
  const auto folder = folder_.path();
  qemu_img({"create", "-q", "-f", "qcow2", (folder / "base.qcow2").string(), "1M"});
  qemu_img({"create", "-q", "-f", "qcow2", "-b", (folder / "base.qcow2").string(), "-F", "qcow2",
            (folder / "overlay.qcow2").string()});
  qemu_img({"create", "-q", "-f", "qcow2", "-o", "data_file=" + (folder / "data.raw").string(),
            (folder / "external.qcow2").string(), "1M"});
  qemu_img({"create", "-q", "-f", "vmdk", (folder / "good.vmdk").string(), "1M"});
  qemu_img({"create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", (folder / "flat.vmdk").string(),
            "1M"});
  sys::write_durable(folder / "junk.qcow2", "notaqcow");
  const auto try_import = [&](const std::string& name, const std::string& format) {
    return failure_of([&] { local_->import_image(folder / name, format, {100}, "raw", {}, {}); });
  };
  EXPECT_EQ(try_import("base.qcow2", "qcow2"), "");
  EXPECT_EQ(try_import("good.vmdk", "vmdk"), "");
  EXPECT_NE(try_import("overlay.qcow2", "qcow2"), "");
  EXPECT_NE(try_import("external.qcow2", "qcow2"), "");
  EXPECT_NE(try_import("flat.vmdk", "vmdk"), "");
  EXPECT_EQ(
      try_import("junk.qcow2", "qcow2"),
      "qemu-img: Could not open '" + (folder / "junk.qcow2").string() + "': Image is not in qcow2 format");
}

TEST_F(DirStorageTest, GrowsButNeverShrinks) {
  const auto disk = local_->allocate({100}, "raw", gib(2));
  local_->resize(disk, gib(3));
  local_->resize(disk, gib(3));
  EXPECT_EQ(local_->info(disk).size, gib(3));
  EXPECT_EQ(failure_of([&] { local_->resize(disk, gib(1)); }), "shrinking disks is not supported");
}

TEST_F(DirStorageTest, UploadsGetSafeNamesAndReplace) {
  EXPECT_EQ(upload_name("iso", "my file (1).iso"), "my_file__1_.iso");  // recording 343
  EXPECT_EQ(upload_name("iso", "C:\\isos\\a.ISO"), "a.ISO");
  EXPECT_EQ(upload_name("vztmpl", "../../t.tar.gz"), "t.tar.gz");
  EXPECT_EQ(failure_of([] { upload_name("iso", "test.txt"); }),
            "filename: wrong file extension");  // recording 344
  EXPECT_EQ(failure_of([] { upload_name("import", "x.iso"); }), "filename: wrong file extension");
  for (const std::string content : {"first", "second"}) {
    sys::write_durable(folder_.path() / "spool", content);
    EXPECT_EQ(to_string(local_->store_file("iso", "test.iso", folder_.path() / "spool")),
              "local:iso/test.iso");
    EXPECT_EQ(sys::read_file(folder_.path() / "vz/template/iso/test.iso"), content);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "spool"));
  }
  const auto info = local_->info(volume("local:iso/test.iso"));
  EXPECT_EQ(info.size.count, 6);
  EXPECT_EQ(info.format, "iso");
  EXPECT_EQ(failure_of([&] { local_->info(volume("local:iso/nope.iso")); }),  // recording 362
            "volume_size_info on 'local:iso/nope.iso' failed - no format");
  EXPECT_FALSE(local_->remove(volume("local:iso/nope.iso")));  // recording 370
}

TEST_F(DirStorageTest, ListsAreByContentAndOwner) {
  local_->allocate({100}, "raw", mib(1));
  local_->allocate({102}, "raw", mib(1));
  for (const auto* name : {"a.iso", "b.img"}) {
    sys::write_durable(folder_.path() / "spool", "x");
    local_->store_file("iso", name, folder_.path() / "spool");
  }
  sys::write_durable(folder_.path() / "vz/template/iso/c.iso.hlid-tmp", "x");
  sys::write_durable(folder_.path() / "vz/images/100/notes.txt", "x");
  const auto names = [&](const std::string& kind, std::optional<Vmid> vmid) {
    std::vector<std::string> texts;
    for (const auto& info : local_->list(kind, vmid)) texts.push_back(to_string(info.id));
    return join(texts, " ");
  };
  EXPECT_EQ(names("", {}),
            "local:100/vm-100-disk-0.raw local:102/vm-102-disk-0.raw local:iso/a.iso local:iso/b.img");
  EXPECT_EQ(names("iso", {}), "local:iso/a.iso local:iso/b.img");
  EXPECT_EQ(names("", Vmid{100}), "local:100/vm-100-disk-0.raw");
  EXPECT_EQ(names("images", Vmid{103}), "");
}

TEST_F(DirStorageTest, BackupsHaveNotesAndProtection) {
  const std::string name = "vzdump-qemu-100-2026_01_02-03_04_05.vma.zst";
  sys::make_folder(folder_.path() / "vz/dump");
  sys::write_durable(folder_.path() / "vz/dump" / name, "x");
  const auto id = volume("local:backup/" + name);
  local_->set_notes(id, "note text\n");
  local_->set_protected(id, true);
  const auto list = local_->list("backup", Vmid{100});
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].notes, "note text\n");
  EXPECT_EQ(list[0].format, "vma.zst");
  EXPECT_TRUE(list[0].is_protected);
  EXPECT_TRUE(local_->list("backup", Vmid{101}).empty());
  EXPECT_EQ(failure_of([&] { local_->remove(id); }),  // recording 613
            "cannot remove protected volume 'backup/" + name + "' on 'local'");
  local_->set_protected(id, false);
  EXPECT_TRUE(local_->remove(id));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "vz/dump"));
}

TEST_F(DirStorageTest, ARestartSweepsWhatIsHalfBuilt) {
  sys::make_folder(folder_.path() / "vz/images/100");
  sys::write_durable(folder_.path() / "vz/images/100/vm-100-disk-0.raw.hlid-tmp", "half");
  sys::make_folder(folder_.path() / "vz/template/iso");
  sys::write_durable(folder_.path() / "vz/template/iso/a.iso.hlid-tmp", "half");
  open();
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "vz/images/100"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "vz/template/iso"));
}

TEST_F(DirStorageTest, StatusIsTheFileSystems) {
  sys::make_folder(folder_.path() / "vz");
  const auto status = local_->status();
  EXPECT_TRUE(status.active);
  EXPECT_GT(status.total, status.available);
  EXPECT_GT(status.used.count, 0);
}

TEST(DirNames, AreParsedAndPrinted) {
  for (const std::string name : {"100/vm-100-disk-0.raw", "9000/base-9000-disk-0.qcow2",
                                 "9000/base-9000-disk-0.qcow2/1001/vm-1001-disk-0.qcow2", "iso/x.iso",
                                 "vztmpl/t.tar.gz", "import/base.qcow2", "snippets/u.yaml",
                                 "backup/vzdump-qemu-100-2026_01_02-03_04_05.vma.zst", "100/foo.qcow2"})
    EXPECT_EQ(print_dir_name(parse_dir_name(name)), name);
  for (const std::string name :
       {"", "/", "x", "100/", "100/x", "100/../x.raw", "100/vm 1.raw", "iso/../../etc/passwd.iso",
        "iso/x.txt", "iso/.iso", "images/100/x.raw", "9000/vm-9000-disk-0.raw/1001/vm-1001-disk-0.qcow2",
        "1/vm-1-disk-0.raw", "iso/a/b.iso", "backup/x.zip", "100/vm-100-disk-0.raw.hlid-tmp",
        "../100/vm-100-disk-0.raw", "root/x.iso"})
    EXPECT_NE(failure_of([&] { parse_dir_name(name); }), "") << name;
}

class StoragesTest : public DirStorageTest {};

TEST_F(StoragesTest, LocalIsMadeAtFirst) {
  EXPECT_EQ(local_->path(), folder_.path() / "vz");
  EXPECT_TRUE(local_->holds("import"));
  EXPECT_EQ(storages_->all().size(), 1U);
  EXPECT_EQ(failure_of([&] { storages_->find("nope"); }), "storage 'nope' does not exist");
  EXPECT_EQ(failure_of([&] { storages_->resolve("junk"); }), "unable to parse volume ID 'junk'");
}

TEST_F(StoragesTest, DirectoriesComeAndGo) {
  const auto path = (folder_.path() / "zfs").string();
  storages_->create("local-zfs", "dir", {{"path", path}, {"content", "images,rootdir"}});
  EXPECT_EQ(sys::read_file(folder_.path() / "storage.cfg").substr(0, 12), "dir: local\n\t");
  const auto zfs = storages_->find("local-zfs");
  EXPECT_EQ(to_string(zfs->allocate({1001}, "raw", mib(1))), "local-zfs:1001/vm-1001-disk-0.raw");
  EXPECT_EQ(failure_of([&] { storages_->find_holding("local-zfs", "iso"); }),  // recording 351
            "storage 'local-zfs' does not support 'iso' content");
  open();
  storages_->update("local-zfs", {{"content", "images,iso"}}, {}, storages_->digest());
  EXPECT_TRUE(storages_->find("local-zfs")->holds("iso"));
  storages_->remove("local-zfs");
  EXPECT_EQ(storages_->find_if_exists("local-zfs"), nullptr);
  EXPECT_TRUE(std::filesystem::exists(path + "/images/1001/vm-1001-disk-0.raw"));
}

TEST_F(StoragesTest, WrongOnesAreRefusedAsProxmox) {
  const auto path = (folder_.path() / "x").string();
  EXPECT_EQ(failure_of([&] {
              storages_->create("z", "dir", {{"path", path}});
            }),  // recording 445
            "storage: invalid format - storage ID 'z' contains illegal characters\n");
  EXPECT_EQ(failure_of([&] {
              storages_->create("local", "dir", {{"path", path}});
            }),
            "create storage failed: storage ID 'local' already defined");
  EXPECT_EQ(failure_of([&] { storages_->create("xx", "dir", {}); }),
            "path: property is missing and it is not optional");
  EXPECT_NE(failure_of([&] { storages_->create("xx", "dir", {{"path", "a/b"}}); }), "");
  EXPECT_NE(failure_of([&] { storages_->create("xx", "dir", {{"path", path + "/../y"}}); }), "");
  EXPECT_NE(failure_of([&] { storages_->create("xx", "dir", {{"path", "/proc/nope"}}); }), "");
  EXPECT_NE(failure_of([&] { storages_->create("xx", "zfspool", {{"pool", "rpool"}}); }), "");
  EXPECT_NE(failure_of([&] { storages_->create("xx", "dir", {{"path", path}, {"content", "junk"}}); }), "");
  EXPECT_NE(failure_of([&] { storages_->create("xx", "dir", {{"path", path}, {"nodes", "a\nb"}}); }), "");
  EXPECT_EQ(failure_of([&] { storages_->remove("fast"); }),  // recording 389
            "delete storage failed: storage 'fast' does not exist");
  EXPECT_NE(failure_of([&] { storages_->update("local", {{"content", "iso"}}, {}, "0000"); }), "");
  EXPECT_EQ(storages_->configured().size(), 1U);
}

TEST_F(StoragesTest, EditsByHandAreSeen) {
  const auto file = folder_.path() / "storage.cfg";
  sys::write_durable(file, sys::read_file(file) + "\ndir: fast\n\tpath /srv\n\tcontent images\n\tdisable\n");
  EXPECT_FALSE(storages_->find("fast")->enabled());
  EXPECT_EQ(failure_of([&] { storages_->find_holding("fast", "images"); }), "storage 'fast' is disabled");
  sys::write_durable(file, "");
  EXPECT_EQ(storages_->all().size(), 1U);
}

}  // namespace
}  // namespace hlid::node::storage
