# hlid_module(<name> [DEPS <module>...] [LIBS <target>...])
#
# Declares one module: the static library of src/<name>, the headers it offers, and the modules it
# may include. DEPS is the only statement of that rule; it gives the link line, and the `layers`
# test reads it back from layers.txt. A module is declared after the modules it depends on, so a
# cycle is an error at configure time. BARE: without fmt and JSON, for the program inside guests, which is
# linked statically. A nested module (node/qemu) is the target hlid_node_qemu.
function(hlid_module name)
  cmake_parse_arguments(M "BARE" "" "DEPS;LIBS" ${ARGN})
  string(REPLACE "/" "_" id ${name})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.h)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(NOT sources)
    set(sources ${PROJECT_SOURCE_DIR}/cmake/empty.cpp)
  endif()
  add_library(hlid_${id} STATIC ${sources})
  target_sources(hlid_${id} PUBLIC FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${headers})
  foreach(dep IN LISTS M_DEPS)
    string(REPLACE "/" "_" dep_id ${dep})
    if(NOT TARGET hlid_${dep_id})
      message(FATAL_ERROR "module ${name}: ${dep} is not declared above it")
    endif()
    target_link_libraries(hlid_${id} PUBLIC hlid_${dep_id})
  endforeach()
  target_link_libraries(hlid_${id} PUBLIC ${M_LIBS})
  if(NOT M_BARE)
    target_link_libraries(hlid_${id} PUBLIC fmt::fmt Boost::json)
  endif()
  target_compile_options(hlid_${id} PRIVATE ${HLID_WARNINGS})
  # Each header compiles alone: target all_verify_interface_header_sets, run by ./dev lint.
  set_target_properties(hlid_${id} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  string(JOIN " " deps ${M_DEPS})
  set_property(GLOBAL APPEND PROPERTY HLID_LAYERS "${name}: ${deps}")
  hlid_unit_tests(${name} ${id})
endfunction()

# The unit tests of a module: every tests/unit/<name>/*_test.cpp in one program, unit_<id>.
function(hlid_unit_tests name id)
  file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${name}/*_test.cpp)
  if(NOT tests OR NOT TARGET hlid_test_support)
    return()
  endif()
  add_executable(unit_${id} ${tests})
  target_link_libraries(unit_${id} PRIVATE hlid_${id} hlid_test_support)
  target_compile_options(unit_${id} PRIVATE ${HLID_WARNINGS})
  gtest_discover_tests(unit_${id} TEST_PREFIX "${name}: " DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit TIMEOUT 60)
endfunction()

function(hlid_finish_modules)
  get_property(layers GLOBAL PROPERTY HLID_LAYERS)
  string(JOIN "\n" text ${layers})
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/layers.txt CONTENT "${text}\n")

  add_test(NAME style:layers COMMAND ${Python3_EXECUTABLE}
    ${PROJECT_SOURCE_DIR}/tools/check_layers.py
    ${PROJECT_BINARY_DIR}/layers.txt ${PROJECT_SOURCE_DIR}/src)
  set_tests_properties(style:layers PROPERTIES LABELS style)
endfunction()

# hlid_program(<program> <module> [DESTINATION <folder>])
# A program: src/<module>/main.cpp linked with its module, installed to bin or DESTINATION.
function(hlid_program program module)
  cmake_parse_arguments(P "" "DESTINATION" "" ${ARGN})
  if(NOT P_DESTINATION)
    set(P_DESTINATION bin)
  endif()
  set(main ${PROJECT_SOURCE_DIR}/src/${module}/main.cpp)
  string(REPLACE "/" "_" id ${module})
  if(EXISTS ${main})
    add_executable(${program} ${main})
    target_link_libraries(${program} PRIVATE hlid_${id})
    target_compile_options(${program} PRIVATE ${HLID_WARNINGS})
    install(TARGETS ${program} RUNTIME DESTINATION ${P_DESTINATION})
  endif()
endfunction()
