# The client: what it makes of recorded answers, and that it would have asked the same.
add_executable(contract_client
  ${CMAKE_CURRENT_LIST_DIR}/client_recording.cpp
  ${CMAKE_CURRENT_LIST_DIR}/client_read_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/client_change_test.cpp)
target_link_libraries(contract_client PRIVATE hlid_pve hlid_test_support)
target_compile_options(contract_client PRIVATE ${HLID_WARNINGS})
gtest_discover_tests(contract_client TEST_PREFIX "contract: " DISCOVERY_MODE PRE_TEST
  PROPERTIES LABELS contract TIMEOUT 60)
