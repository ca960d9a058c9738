#pragma once

namespace hlid::node::service::data {

/// JSON texts. Verbs: "METHOD /path" -> {"params": {name: property}, "from": name of a set}. Formats: name ->
/// {key: property} of a property string. Index ranges: "net" -> [0, 31].
extern const char* const kVerbs;
extern const char* const kFormats;
extern const char* const kIndexRanges;
extern const char* const kSet_qemu_config;
extern const char* const kSet_storage_config;

}  // namespace hlid::node::service::data
