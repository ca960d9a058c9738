# tests/support: fakes and fixtures for every test program; no tests of its own. It is split by what
# it may need: support files in the top folder see only base, sys and wire.
find_package(GTest REQUIRED)
find_package(rapidcheck CONFIG QUIET)
file(GLOB support CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.cpp)
add_library(hlid_test_support STATIC ${support} ${PROJECT_SOURCE_DIR}/cmake/empty.cpp)
target_include_directories(hlid_test_support PUBLIC ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(hlid_test_support PUBLIC HLID_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_link_libraries(hlid_test_support PUBLIC hlid_wire hlid_sys hlid_base
  GTest::gtest GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest)
