// SPDX-License-Identifier: Apache-2.0
#include "harness/kernel/modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/kernel/testing/made_files.h"

namespace bioscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kMagic = "vermagic=6.1.0-99-test SMP preempt mod_unload modversions ";

class ModulesTest : public testing::Test {
 protected:
  ModulesTest() {
    kernel_.release = "6.1.0-99-test";
    kernel_.modules_dir = scratch_.path() / "tree";
    scratch_.write("tree/modules.builtin", "kernel/lib/crc32.ko\nkernel/block/t10-pi.ko\n");
    put("md/dm-mod", {"name=dm_mod", "depends=", kMagic});
    put("md/dm-bufio", {"name=dm_bufio", "depends=dm-mod", kMagic});
    put("md/dm-snapshot", {"name=dm_snapshot", "depends=dm-mod,dm-bufio", kMagic});
    put("fs/ext4", {"name=ext4", "depends=jbd2", "softdep=pre: crc32c missing-one", kMagic});
    put("fs/jbd2", {"name=jbd2", "depends=crc32", kMagic});
    put("crypto/crc32c", {"name=crc32c", "depends=", kMagic});
    put("a", {"name=a", "depends=b", kMagic});
    put("b", {"name=b", "depends=a", kMagic});
    put("lame", {"name=lame", "depends=nowhere", kMagic});
  }

  void put(const std::string& name, std::initializer_list<std::string_view> entries) {
    scratch_.write("tree/kernel/" + name + ".ko", made_module(entries));
  }

  std::vector<std::string> order(const std::vector<std::string>& wanted) {
    const Result<ModuleTree> tree = ModuleTree::open(kernel_);
    EXPECT_TRUE(tree) << tree.error().message;
    const Result<std::vector<Module>> modules = tree->load_order(wanted);
    EXPECT_TRUE(modules) << modules.error().message;
    std::vector<std::string> names;
    for (const Module& module : *modules) names.push_back(module.name);
    return names;
  }

  ScratchFolder scratch_;
  Kernel kernel_;
};

TEST_F(ModulesTest, ReadsWhatAModuleSaysOfItself) {
  const Result<ModuleInfo> info = read_module(kernel_.modules_dir / "kernel/md/dm-snapshot.ko");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->name, "dm_snapshot");
  EXPECT_THAT(info->depends, ElementsAre("dm_mod", "dm_bufio"));
  EXPECT_EQ(info->release(), "6.1.0-99-test");
}

TEST_F(ModulesTest, DependenciesComeFirstAndOnce) {
  EXPECT_THAT(order({"dm-snapshot", "dm_mod"}), ElementsAre("dm_mod", "dm_bufio", "dm_snapshot"));
}

TEST_F(ModulesTest, SoftDependenciesAreLoadedWhereTheyExistAndBuiltInOnesNever) {
  EXPECT_THAT(order({"ext4"}), ElementsAre("jbd2", "crc32c", "ext4"));
  EXPECT_THAT(order({"t10_pi"}), IsEmpty());
}

TEST_F(ModulesTest, AMissingModuleIsNamedWithWhoNeedsIt) {
  const Result<ModuleTree> tree = ModuleTree::open(kernel_);
  const Result<std::vector<Module>> direct = tree->load_order({"dm-dust"});
  ASSERT_FALSE(direct);
  EXPECT_EQ(direct.error().kind, ErrorKind::CouldNotJudge);
  EXPECT_THAT(direct.error().message, HasSubstr("dm_dust"));
  const Result<std::vector<Module>> indirect = tree->load_order({"lame"});
  ASSERT_FALSE(indirect);
  EXPECT_THAT(indirect.error().message, HasSubstr("nowhere, which lame needs"));
}

TEST_F(ModulesTest, ACycleIsAnErrorAndNoEndlessLoop) {
  const Result<std::vector<Module>> modules = ModuleTree::open(kernel_)->load_order({"a"});
  ASSERT_FALSE(modules);
  EXPECT_THAT(modules.error().message, HasSubstr("depends on itself"));
}

TEST_F(ModulesTest, AnOverrideTakesThePlaceOfTheKernelsOwn) {
  scratch_.write("mine/dm-snapshot.ko",
                 made_module({"name=dm_snapshot", "depends=dm-mod", kMagic}));
  const Result<ModuleTree> tree = ModuleTree::open(kernel_, scratch_.path() / "mine");
  ASSERT_TRUE(tree) << tree.error().message;
  const auto modules = tree->load_order({"dm-snapshot"});
  ASSERT_TRUE(modules);
  ASSERT_EQ(modules->size(), 2U);
  EXPECT_FALSE(modules->at(0).overridden);
  EXPECT_TRUE(modules->at(1).overridden);
  EXPECT_EQ(modules->at(1).file, scratch_.path() / "mine/dm-snapshot.ko");
}

TEST_F(ModulesTest, AnOverrideForAnotherKernelIsRefused) {
  scratch_.write("mine/dm-snapshot.ko",
                 made_module({"name=dm_snapshot", "vermagic=6.1.0-98-test SMP "}));
  const Result<ModuleTree> tree = ModuleTree::open(kernel_, scratch_.path() / "mine");
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().kind, ErrorKind::CouldNotJudge);
  EXPECT_THAT(tree.error().message, HasSubstr("6.1.0-98-test"));
}

TEST_F(ModulesTest, AnOverrideFolderThatHoldsNoModuleIsRefused) {
  EXPECT_FALSE(ModuleTree::open(kernel_, scratch_.path() / "absent"));
  scratch_.write("empty/readme.txt", "");
  EXPECT_FALSE(ModuleTree::open(kernel_, scratch_.path() / "empty"));
  scratch_.write("bad/dm-snapshot.ko", "no ELF file at all");
  const Result<ModuleTree> bad = ModuleTree::open(kernel_, scratch_.path() / "bad");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("is no kernel module"));
}

TEST_F(ModulesTest, AKernelWithoutModulesMayHaveThemBuiltIn) {
  kernel_.modules_dir.clear();
  EXPECT_THAT(order({"dm-snapshot"}), IsEmpty());
}

TEST_F(ModulesTest, ASignatureIsTakenOffAndNothingElse) {
  const std::string module = made_module({"name=a", kMagic});
  const std::string signature(300, 's');
  const std::string trailer("\0\0\2\0\0\0\0\0\0\0\1\x2c", 12);  // sig_len = 300
  const std::string mark = "~Module signature appended~\n";
  const auto signed_file = scratch_.write("signed.ko", module + signature + trailer + mark);
  EXPECT_EQ(module_without_signature(signed_file).value(), module);
  EXPECT_EQ(module_without_signature(scratch_.write("plain.ko", module)).value(), module);
  EXPECT_THAT(
      module_without_signature(scratch_.write("cut.ko", "s" + trailer + mark)).error().message,
      HasSubstr("is cut off"));
  EXPECT_FALSE(module_without_signature(scratch_.write("mark.ko", mark)));
}

}  // namespace
}  // namespace bioscope
