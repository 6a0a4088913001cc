add_library(relievo_options INTERFACE)
# -Wno-restrict: a false alarm of GCC 12 on "text" + std::string (GCC bug 105329).
target_compile_options(relievo_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror -march=x86-64-v2
                                   -Wno-restrict>
  $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings --extended-lambda -Xcompiler=-Wall,-Wextra,-fvisibility=hidden>)
target_link_libraries(relievo_options INTERFACE torch::openmp Threads::Threads)
# torch's include folder has headers of another fmt: a folder with Debian's alone comes before it.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/fmt)
file(CREATE_LINK /usr/include/fmt ${PROJECT_BINARY_DIR}/fmt/fmt SYMBOLIC)
target_include_directories(relievo_options SYSTEM BEFORE INTERFACE ${PROJECT_BINARY_DIR}/fmt)
target_link_libraries(relievo_options INTERFACE fmt::fmt-header-only)
target_include_directories(relievo_options INTERFACE ${PROJECT_SOURCE_DIR}/native)
target_compile_definitions(relievo_options INTERFACE RELIEVO_VERSION="${PROJECT_VERSION}")
if(RELIEVO_SANITIZE STREQUAL "thread")
  target_compile_options(relievo_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(relievo_options INTERFACE -fsanitize=thread)
elseif(RELIEVO_SANITIZE)
  target_compile_options(relievo_options INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(relievo_options INTERFACE -fsanitize=address,undefined)
endif()

# The precompiled header of everything that uses torch: 27 s once instead of 12 s a file.
add_library(relievo_torch_pch OBJECT ${PROJECT_SOURCE_DIR}/cmake/torch_pch.cpp)
target_link_libraries(relievo_torch_pch PUBLIC relievo_options torch::cpu)
target_precompile_headers(relievo_torch_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/torch_pch.h)

# use_torch(TARGET): torch's headers are the system's (no warnings from them) and precompiled.
function(use_torch target)
  target_link_libraries(${target} PUBLIC torch::cpu)
  target_precompile_headers(${target} REUSE_FROM relievo_torch_pch)
endfunction()

# relievo_room(NAME [TORCH] [LINK targets of other rooms and libraries...])
# One static library from the folder's *.cpp (and *.cu where CUDA is built).
function(relievo_room name)
  cmake_parse_arguments(ROOM "TORCH" "" "LINK;PRIVATE_LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  if(RELIEVO_CUDA)
    file(GLOB cuda_sources CONFIGURE_DEPENDS *.cu)
  endif()
  if(NOT sources)  # a room that is still empty
    add_library(relievo_${name} INTERFACE)
    return()
  endif()
  add_library(relievo_${name} STATIC ${sources} ${cuda_sources})
  target_link_libraries(relievo_${name} PUBLIC relievo_options ${ROOM_LINK} PRIVATE ${ROOM_PRIVATE_LINK})
  if(cuda_sources)
    target_link_libraries(relievo_${name} PRIVATE cuda::runtime)
    target_include_directories(relievo_${name} PRIVATE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
    target_compile_definitions(relievo_${name} PUBLIC RELIEVO_CUDA)
  endif()
  if(ROOM_TORCH)
    use_torch(relievo_${name})
  endif()
endfunction()
