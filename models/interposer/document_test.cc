// SPDX-License-Identifier: Apache-2.0
// docs/INTERPOSER.md links each step to the function that does it: the links hold.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <string>

namespace bioscope {
namespace {

std::string contents_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(InterposerDocument, EveryFunctionItNamesIsInTheFileItLinks) {
  const std::string text = contents_of("docs/INTERPOSER.md");
  const std::regex link(R"(\[`([A-Za-z_:]+)`\]\(\.\./([a-z_/.]+)\))");
  int links = 0;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), link); it != std::sregex_iterator();
       ++it, ++links) {
    const std::string source = contents_of((*it)[2]);
    ASSERT_FALSE(source.empty()) << (*it)[2] << " cannot be read";
    const std::regex definition("\\b" + (*it)[1].str() + "\\(");
    EXPECT_TRUE(std::regex_search(source, definition)) << (*it)[1] << " is not in " << (*it)[2];
  }
  EXPECT_GE(links, 20);
}

}  // namespace
}  // namespace bioscope
