// SPDX-License-Identifier: Apache-2.0
#include "ci/structure.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The tree that this test was built from.
TEST(Structure, ThisHouseKeepsItsRules) {
  const auto problems = find_structure_problems(BIOSCOPE_SOURCE_DIR, BIOSCOPE_STRUCTURE_FILE);
  ASSERT_TRUE(problems) << problems.error().message;
  EXPECT_THAT(*problems, IsEmpty());
}

constexpr std::string_view kLicence = "// SPDX-License-Identifier: Apache-2.0\n";

// A small house with one thing wrong at a time: the check has to find each.
class PlantedHouse : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "structureXXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    put("models/base/a.h", "");
    put("models/base/a.cc", "#include \"models/base/a.h\"\n");
    put("models/spec/s.cc", "#include \"models/base/a.h\"\n");
    put("models/spec/s_test.cc", "");
    structure_ =
        "library models_base models/base\nsource models_base models/base/a.cc\n"
        "library models_spec models/spec\nsource models_spec models/spec/s.cc\n"
        "link models_spec models_base\n"
        "test models_spec_test models/spec\nsource models_spec_test models/spec/s_test.cc\n";
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& path, std::string_view text, std::string_view head = kLicence) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << head << text;
  }

  std::vector<std::string> problems() {
    std::ofstream(root_ / "structure.txt") << structure_;
    return *find_structure_problems(root_, root_ / "structure.txt");
  }

  fs::path root_;
  std::string structure_;
};

TEST_F(PlantedHouse, AHouseInOrderHasNoProblems) {
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(PlantedHouse, AnArrowTheOtherWayIsFound) {
  put("models/spec/s.h", "");
  put("models/base/a.cc", "#include \"models/spec/s.h\"\n");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("an arrow that the architecture does not have")));
}

TEST_F(PlantedHouse, TheSpecificationNeverIncludesTheDisk) {
  put("models/disk/d.h", "");
  put("models/spec/s.cc", "#include \"models/disk/d.h\"\n");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("models/spec/s.cc: includes")));
}

TEST_F(PlantedHouse, AnIncludeThatIsNoLinkIsFound) {
  structure_.erase(structure_.find("link models_spec"), 28);
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("whose library its target does not link")));
}

TEST_F(PlantedHouse, ASourceThatNobodyBuildsIsFound) {
  put("models/base/forgotten.cc", "");
  EXPECT_THAT(problems(), ElementsAre("models/base/forgotten.cc: is built by no target"));
}

TEST_F(PlantedHouse, ATestThatIsNotRegisteredIsFound) {
  put("models/base/a_test.cc", "");
  structure_ += "source models_base models/base/a_test.cc\n";
  EXPECT_THAT(problems(), ElementsAre("models/base/a_test.cc: is a test that ctest does not run"));
}

TEST_F(PlantedHouse, AFileWithoutALicenceIsFound) {
  put("models/base/a.h", "", "");
  EXPECT_THAT(problems(), ElementsAre("models/base/a.h: has no SPDX line at its head"));
}

TEST_F(PlantedHouse, WithoutAStructureNothingIsJudged) {
  const auto problems = find_structure_problems(root_, root_ / "nowhere.txt");
  ASSERT_FALSE(problems);
  EXPECT_EQ(problems.error().kind, ErrorKind::CouldNotJudge);
}

}  // namespace
}  // namespace bioscope
