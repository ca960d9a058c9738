# Warnings, the faster linker and the compiler cache where they are installed, and the
# sanitizers (HLID_SANITIZE, set by the presets).
set(HLID_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wold-style-cast -Wcast-align -Wundef -Wformat=2 -Wsuggest-override
  -Werror=switch -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # maybe-uninitialized is wrong about default stop_token arguments (GCC 12)
  list(APPEND HLID_WARNINGS -Wlogical-op -Wduplicated-cond -Wno-maybe-uninitialized)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(HLID_SANITIZE "" CACHE STRING "sanitizers, as -fsanitize= takes them")
if(HLID_SANITIZE)
  add_compile_options(-fsanitize=${HLID_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${HLID_SANITIZE})
endif()
