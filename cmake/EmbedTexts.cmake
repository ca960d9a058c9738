# hlid_embed_texts(<module> <folder>): compiles every <folder>/*.md into the module, found by name through
# hlid::cli::help_text (the files are read when CMake runs; a change of one runs it again).
function(hlid_embed_texts module folder)
  string(REPLACE "/" "_" id ${module})
  file(GLOB texts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.md)
  set(rows "")
  foreach(text IN LISTS texts)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${text})
    get_filename_component(name ${text} NAME_WE)
    file(READ ${text} content)
    string(APPEND rows "    {\"${name}\", R\"~text~(${content})~text~\"},\n")
  endforeach()
  file(WRITE ${PROJECT_BINARY_DIR}/${id}_texts.cpp.new
"#include \"cli/help.h\"

#include <map>

namespace hlid::cli {

std::string_view help_text(std::string_view name) {
  static const std::map<std::string_view, std::string_view> kTexts{
${rows}  };
  const auto found = kTexts.find(name);
  return found == kTexts.end() ? std::string_view() : found->second;
}

}  // namespace hlid::cli
")
  configure_file(${PROJECT_BINARY_DIR}/${id}_texts.cpp.new ${PROJECT_BINARY_DIR}/${id}_texts.cpp COPYONLY)
  target_sources(hlid_${id} PRIVATE ${PROJECT_BINARY_DIR}/${id}_texts.cpp)
endfunction()
