// Image archives that the tests write, block by block: what the layers make of each other, and
// entries that try to get out.

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "elf/closure.h"
#include "elf/layer_unpack.h"

namespace sysnare {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Entry {
  std::string path;
  std::string data;
  char type = '0';
  std::string link{};
};

/// A header and the data behind it.
std::string tar_entry(const Entry& entry) {
  std::string block(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) {
    block.replace(at, text.size(), text);
  };
  put(0, entry.path.substr(0, 100));
  put(100, "0000755");
  put(124, fmt::format("{:011o}", entry.data.size()));
  put(148, "        ");
  block[156] = entry.type;
  put(157, entry.link.substr(0, 100));
  put(257, std::string("ustar\0", 6) + "00");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  block[154] = '\0';
  std::string data = entry.data;
  data.resize((data.size() + 511) / 512 * 512);
  return block + data;
}

std::string tar(const std::vector<Entry>& entries) {
  std::string bytes;
  for (const Entry& entry : entries) bytes += tar_entry(entry);
  return bytes + std::string(1024, '\0');
}

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(bytes.size() + 1024, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

constexpr const char* kConfig =
    R"({"config": {"Entrypoint": ["/bin/app"], "Cmd": ["-v"]}, "rootfs": {}})";

/// As `docker save` writes it; the manifest comes last.
std::string docker_archive(const std::vector<std::string>& layers) {
  std::vector<Entry> entries;
  std::string names;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string name = std::to_string(i) + "/layer.tar";
    names += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", name);
    entries.push_back({name, layers[i]});
  }
  entries.push_back({"config.json", kConfig});
  entries.push_back(
      {"manifest.json",
       fmt::format(R"([{{"Config": "config.json", "RepoTags": null, "Layers": [{}]}}])", names)});
  return tar(entries);
}

class ImageArchive : public ::testing::Test {
 protected:
  ImageArchive() { EXPECT_NE(::mkdtemp(folder_), nullptr); }
  ~ImageArchive() override { fs::remove_all(folder_); }
  Result<FileTree> open(const std::string& bytes) const {
    const std::string path = std::string(folder_) + "/image.tar";
    EXPECT_TRUE(write_file_atomic(path, bytes));
    return FileTree::archive(path);
  }
  /// Every file and link of a tree, "path=contents" or "path>target"; folders end in '/'.
  static void walk(const FileTree& tree, const std::string& folder, std::vector<std::string>& all) {
    for (const std::string& name : tree.list(folder)) {
      const std::string path = folder + name;
      Result<std::string> text = tree.read(path, 1u << 20);
      const std::string place = tree.resolve(path).value_or("");
      if (place != path) {
        all.push_back(path + ">" + place);
      } else if (text) {
        all.push_back(path + "=" + *text);
      } else {
        all.push_back(path + "/");
        walk(tree, path + "/", all);
      }
    }
  }
  static std::vector<std::string> files(const Result<FileTree>& tree) {
    std::vector<std::string> all;
    EXPECT_TRUE(tree) << tree.error().message;
    if (tree) walk(*tree, "/", all);
    return all;
  }
  char folder_[32] = "/tmp/sysnare-archive-XXXXXX";
};

TEST(PathInside, LeavesNoWayOut) {
  for (const auto& [path, inside] :
       {std::pair("a/b", "a/b"), std::pair("/a//b/", "a/b"), std::pair("./a/./b", "a/b"),
        std::pair("../../etc/passwd", "etc/passwd"), std::pair("a/../../b", "b"),
        std::pair("..", ""), std::pair("/", ""), std::pair("", ""), std::pair("a/..b", "a/..b")}) {
    EXPECT_EQ(path_inside(path), inside) << path;
  }
}

TEST_F(ImageArchive, EveryFormIsRead) {
  const std::string layer = tar({{"bin/app", "app"}});
  const auto oci = [&](const std::string& blob, const std::string& index) {
    return tar({{"oci-layout", R"({"imageLayoutVersion": "1.0.0"})"},
                {"blobs/sha256/aa", blob},
                {"blobs/sha256/cc", kConfig},
                {"blobs/sha256/bb", R"({"schemaVersion": 2, "config": {"digest": "sha256:cc"},
                                        "layers": [{"digest": "sha256:aa"}]})"},
                {"blobs/sha256/ee", R"({"manifests": [{"digest": "sha256:bb"}]})"},
                {"index.json", index}});
  };
  const std::string plain = R"({"manifests": [{"digest": "sha256:bb"}]})";
  const std::string nested = R"({"manifests": [{"digest": "sha256:ee"}]})";
  const std::string platforms = R"({"manifests": [
      {"digest": "sha256:zz", "platform": {"os": "linux", "architecture": "s390x"}},
      {"digest": "sha256:bb", "platform": {"os": "linux", "architecture": "amd64"}},
      {"digest": "sha256:bb", "platform": {"os": "linux", "architecture": "arm64"}},
      {"digest": "sha256:zz", "platform": {"os": "unknown", "architecture": "unknown"}}]})";
  struct Case {
    const char* why;
    std::string bytes;
  };
  const Case cases[] = {
      {"docker save", docker_archive({layer})},
      {"its layers gzipped", docker_archive({gzip(layer)})},
      {"gzipped as a whole", gzip(docker_archive({layer}))},
      {"in several members of gzip",
       gzip(docker_archive({layer}).substr(0, 700)) + gzip(docker_archive({layer}).substr(700))},
      {"OCI layout", oci(gzip(layer), plain)},
      {"an index in an index", oci(layer, nested)},
      {"an index of many platforms", oci(layer, platforms)},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Result<FileTree> tree = open(c.bytes);
    EXPECT_THAT(files(tree), ElementsAre("/bin/", "/bin/app=app"));
    ASSERT_TRUE(tree);
    EXPECT_THAT(tree->image_command(), ElementsAre("/bin/app", "-v"));
    EXPECT_FALSE(tree->is_host());
  }
}

TEST_F(ImageArchive, LayersFollowEachOther) {
  const std::string base = tar({{"etc/", "", '5'},
                                {"etc/a", "a"},
                                {"etc/b", "b"},
                                {"opt/x/one", "1"},
                                {"opt/x/deep/two", "2"},
                                {"usr/lib/l.so", "l"},
                                {"lib", "", '2', "usr/lib"},
                                {"kind", "file"}});
  struct Case {
    const char* why;
    std::vector<Entry> layer;
    std::vector<std::string> files;
  };
  const std::vector<std::string> same = {
      "/etc/", "/etc/a=a",  "/etc/b=b",       "/kind=file",        "/lib>/usr/lib",
      "/opt/", "/opt/x/",   "/opt/x/deep/",   "/opt/x/deep/two=2", "/opt/x/one=1",
      "/usr/", "/usr/lib/", "/usr/lib/l.so=l"};
  const auto with = [&](const std::vector<std::string>& gone,
                        const std::vector<std::string>& added) {
    std::vector<std::string> all = same;
    for (const std::string& each : gone) std::erase(all, each);
    all.insert(all.end(), added.begin(), added.end());
    std::sort(all.begin(), all.end());
    return all;
  };
  const Case cases[] = {
      {"nothing", {}, same},
      {"a file is replaced", {{"etc/a", "new"}}, with({"/etc/a=a"}, {"/etc/a=new"})},
      {"a file is whited out", {{"etc/.wh.a", ""}}, with({"/etc/a=a"}, {})},
      {"a folder is whited out",
       {{"opt/.wh.x", ""}},
       with({"/opt/x/", "/opt/x/deep/", "/opt/x/deep/two=2", "/opt/x/one=1"}, {})},
      {"an opaque folder keeps what its own layer has, before and behind",
       {{"opt/x/before", "b"}, {"opt/x/.wh..wh..opq", ""}, {"opt/x/deep/after", "a"}},
       with({"/opt/x/deep/two=2", "/opt/x/one=1"}, {"/opt/x/before=b", "/opt/x/deep/after=a"})},
      {"what is whited out is not there", {{"none/.wh.x", ""}, {".wh.", ""}, {".wh...", ""}}, same},
      {"through a symbolic link", {{"lib/m.so", "m"}}, with({}, {"/usr/lib/m.so=m"})},
      {"a folder in place of a file", {{"kind/x", "x"}, {"kind", "", '5'}}, {}},
      {"a file in place of a folder",
       {{"opt", "o"}},
       with({"/opt/", "/opt/x/", "/opt/x/deep/", "/opt/x/deep/two=2", "/opt/x/one=1"}, {"/opt=o"})},
      {"a hard link", {{"etc/c", "", '1', "etc/a"}}, with({}, {"/etc/c=a"})},
      {"devices and FIFOs are left out, and links to them",
       {{"dev/null", "", '3'}, {"dev/p", "", '6'}, {"zero", "", '1', "dev/null"}},
       same},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Result<FileTree> tree = open(docker_archive({base, gzip(tar(c.layer))}));
    if (c.files.empty()) {
      ASSERT_FALSE(tree);
      EXPECT_THAT(tree.error().message, HasSubstr("1/layer.tar"));
      continue;
    }
    EXPECT_EQ(files(tree), c.files);
  }
}

TEST_F(ImageArchive, NothingGetsOut) {
  const std::string outside = std::string(folder_) + "/outside";
  fs::create_directory(outside);
  const std::string up = "../../../../../../../../../..";
  Result<FileTree> tree = open(docker_archive({tar({{up + outside + "/a", "a"},
                                                    {"abs", "", '2', outside},
                                                    {"rel", "", '2', up + outside},
                                                    {"abs/b", "b"},
                                                    {"rel/c", "c"},
                                                    {"file", "", '2', outside + "/d"},
                                                    {"file", "e"},
                                                    {"abs/.wh.keep", ""}})}));
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_TRUE(fs::is_empty(outside));
  for (const auto& [path, text] :
       {std::pair("/a", "a"), std::pair("/b", "b"), std::pair("/c", "c")}) {
    EXPECT_EQ(tree->read(outside + path, 10).value_or(""), text);
  }
  EXPECT_EQ(tree->read("/file", 10).value_or(""), "e");
  // A hard link to what is outside.
  ASSERT_TRUE(write_file_atomic(outside + "/secret", "s"));
  Result<FileTree> linked = open(docker_archive({tar({{"x", "", '1', up + outside + "/secret"}})}));
  ASSERT_FALSE(linked);
  EXPECT_EQ(linked.error().code, Errc::kBadInput);
}

TEST_F(ImageArchive, LongNamesAndSizesAreRead) {
  const std::string part(90, 'p');
  const std::string path = part + "/" + part + "/" + part;
  const auto record = [](const std::string& text) {
    std::size_t length = text.size() + 2;
    while (std::to_string(length).size() + 1 + text.size() + 1 != length) ++length;
    return std::to_string(length) + " " + text + "\n";
  };
  struct Case {
    const char* why;
    std::string layer;
  };
  Entry prefixed{part, "x"};
  std::string with_prefix = tar_entry(prefixed);
  // The checksum is that of a header without the prefix: it is made anew.
  with_prefix.replace(345, 91, part + "/");
  with_prefix.replace(345 + 90, 1, std::string(1, '\0'));
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) {
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(with_prefix[i]);
  }
  with_prefix.replace(148, 7, fmt::format("{:06o}", sum) + std::string(1, '\0'));
  const Case cases[] = {
      {"pax", tar({{"x", record("path=" + path), 'x'}, {"short", "x"}})},
      {"GNU", tar({{"x", path + std::string(1, '\0'), 'L'}, {"short", "x"}})},
      {"ustar's prefix", with_prefix + std::string(1024, '\0')},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Result<FileTree> tree = open(docker_archive({c.layer}));
    ASSERT_TRUE(tree) << tree.error().message;
    const std::string wanted =
        c.layer == with_prefix + std::string(1024, '\0') ? part + "/" + part : path;
    EXPECT_EQ(tree->read("/" + wanted, 10).value_or(""), "x");
  }
  Result<FileTree> links = open(docker_archive({tar({{"x", record("linkpath=/" + path), 'x'},
                                                     {"a", "", '2', "short"},
                                                     {"x", path, 'K'},
                                                     {"b", "", '2', "short"},
                                                     {path, "", '0'},
                                                     {"x", "", 'g'},
                                                     {"x", record("path=" + path), 'x'},
                                                     {"n", "x"}})}));
  ASSERT_TRUE(links) << links.error().message;
  EXPECT_EQ(links->read("/a", 10).value_or(""), "x");
  EXPECT_EQ(links->read("/b", 10).value_or(""), "x");
}

TEST_F(ImageArchive, RefusesDamage) {
  const std::string layer = tar({{"bin/app", std::string(2000, 'a')}});
  std::string wrong = layer;
  wrong[0] = 'X';
  std::string sized = tar_entry({"x", "y"});
  sized.replace(124, 12, std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12));
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) {
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(sized[i]);
  }
  sized.replace(148, 7, fmt::format("{:06o}", sum) + std::string(1, '\0'));
  const std::string packed = gzip(layer);
  struct Case {
    const char* why;
    std::string bytes;
    Errc code;
    const char* message;
  };
  const Case cases[] = {
      {"no archive", "hello", Errc::kBadInput, "cut short"},
      {"empty", "", Errc::kBadInput, "neither manifest.json nor index.json"},
      {"an archive of other things", layer, Errc::kBadInput, "neither manifest.json"},
      {"a header that is none", docker_archive({wrong}), Errc::kBadInput, "offset 0x0 of the tar"},
      {"a layer cut short", docker_archive({layer.substr(0, 700)}), Errc::kBadInput, "cut short"},
      {"a file of 2^63 bytes", docker_archive({sized}), Errc::kBadInput, "larger than any"},
      {"gzip cut short", docker_archive({packed.substr(0, packed.size() / 2)}), Errc::kBadInput,
       "end too early"},
      {"gzip damaged", docker_archive({packed.substr(0, 10) + std::string(40, '\xff')}),
       Errc::kBadInput, "damaged gzip"},
      {"zstd", docker_archive({std::string("\x28\xb5\x2f\xfd") + std::string(600, 'x')}),
       Errc::kUnsupported, "zstd"},
      {"a sparse file", docker_archive({tar({{"x", "y", 'S'}})}), Errc::kUnsupported, "sparse"},
      {"a layer that is not there",
       tar({{"c", kConfig}, {"manifest.json", R"([{"Config": "c", "Layers": ["no"]}])"}}),
       Errc::kBadInput, "no is not in it"},
      {"two images", tar({{"manifest.json", "[{}, {}]"}}), Errc::kUnsupported, "2 images"},
      {"no JSON", tar({{"manifest.json", "{"}}), Errc::kBadInput, "manifest.json"},
      {"an index of itself",
       tar({{"index.json", R"({"manifests": [{"digest": "sha256:aa"}]})"},
            {"blobs/sha256/aa", R"({"manifests": [{"digest": "sha256:aa"}]})"}}),
       Errc::kBadInput, "deep"},
      {"a link to itself", tar({{"manifest.json", "", '2', "manifest.json"}}), Errc::kBadInput,
       "is not in it"},
      {"a file as a folder", docker_archive({tar({{"a", "x"}, {"a/b", "y"}})}), Errc::kSystem,
       "cannot open a"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Result<FileTree> tree = open(c.bytes);
    ASSERT_FALSE(tree);
    EXPECT_EQ(tree.error().code, c.code) << tree.error().message;
    EXPECT_THAT(tree.error().message, HasSubstr(c.message));
    EXPECT_THAT(tree.error().message, HasSubstr("image.tar"));
  }
}

TEST_F(ImageArchive, LeavesNothingBehind) {
  ASSERT_EQ(::setenv("TMPDIR", folder_, 1), 0);
  {
    Result<FileTree> tree = open(gzip(docker_archive({tar({{"a/b/c", "x"}})})));
    ASSERT_TRUE(tree) << tree.error().message;
    EXPECT_FALSE(open("no archive"));
  }
  ::unsetenv("TMPDIR");
  std::vector<std::string> left;
  for (const auto& each : fs::directory_iterator(folder_)) left.push_back(each.path().filename());
  EXPECT_THAT(left, ElementsAre("image.tar"));
}

}  // namespace
}  // namespace sysnare
