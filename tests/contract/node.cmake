# The node: what it answers to recorded requests.
add_executable(contract_node
  ${CMAKE_CURRENT_LIST_DIR}/recording.cpp
  ${CMAKE_CURRENT_LIST_DIR}/raw_client.cpp
  ${CMAKE_CURRENT_LIST_DIR}/shape.cpp
  ${CMAKE_CURRENT_LIST_DIR}/story.cpp
  ${CMAKE_CURRENT_LIST_DIR}/node_under_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/node_test.cpp)
target_link_libraries(contract_node PRIVATE hlid_node_http hlid_net hlid_test_support OpenSSL::SSL)
target_compile_options(contract_node PRIVATE ${HLID_WARNINGS})
# One test: the recordings tell a story, each needs what those before it made.
add_test(NAME "contract: node" COMMAND contract_node)
set_tests_properties("contract: node" PROPERTIES LABELS contract TIMEOUT 600)
