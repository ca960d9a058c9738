#pragma once
#include <string>

#include "spec/yaml.h"

namespace hlid::drive {

/// A tree as YAML text in block style, so that reading it gives the tree again: texts that were quoted stay
/// texts, plain ones stay what they were. Comments, anchors and layout are not kept.
std::string to_yaml(const spec::Node& node);

}  // namespace hlid::drive
