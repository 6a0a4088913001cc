# The name of this machine's kind in a zip's name, as Blender's manifest has it.
string(TOLOWER ${CMAKE_SYSTEM_PROCESSOR} RELIEVO_PLATFORM)
string(REGEX REPLACE "^(x86_64|amd64)$" "x64" RELIEVO_PLATFORM ${RELIEVO_PLATFORM})
string(REGEX REPLACE "^aarch64$" "arm64" RELIEVO_PLATFORM ${RELIEVO_PLATFORM})
if(WIN32)
  string(PREPEND RELIEVO_PLATFORM "windows-")
elseif(APPLE)
  string(PREPEND RELIEVO_PLATFORM "macos-")
else()
  string(PREPEND RELIEVO_PLATFORM "linux-")
endif()

# The other CPython that the extension has a module for: Blender 5.1 and later, and Debian 13's Blender 4.3.
set(RELIEVO_OTHER_PYTHON_INCLUDE "${PROJECT_SOURCE_DIR}/build-python3.13/usr/include/python3.13"
    CACHE PATH "Headers of CPython 3.13 (packaging/python-headers fetches them); without them there is one module")
set(RELIEVO_OTHER_PYTHON_LIBRARY "" CACHE FILEPATH "Windows: python313.lib, which a module is linked with there")
if(WIN32)
  set(RELIEVO_OTHER_PYTHON_SUFFIX ".cp313-win_amd64.pyd")
elseif(APPLE)
  set(RELIEVO_OTHER_PYTHON_SUFFIX ".cpython-313-darwin.so")
else()
  set(RELIEVO_OTHER_PYTHON_SUFFIX ".cpython-313-${CMAKE_LIBRARY_ARCHITECTURE}.so")
endif()

# What a module shows and asks for. It shows Python its one function and nothing else: the compiler leaves templates of the
# standard library visible, and those of another module or of Blender would take their place. Of glibc and libstdc++ it
# asks for what RHEL 9 has.
function(module_symbols target name)
  if(APPLE)
    target_link_options(${target} PRIVATE -Wl,-exported_symbol,_PyInit_${name} -undefined dynamic_lookup)
  elseif(NOT WIN32)
    # As needed: relievo._store uses no OpenMP, which comes with LibTorch.
    target_link_options(${target} PRIVATE -Wl,--as-needed -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/module_exports.txt)
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/module_exports.txt)
    older_symbols(${target})
  endif()
endfunction()

# Of glibc and libstdc++ the target asks for what RHEL 9 has.
function(older_symbols target)
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/older_symbols.cpp)
    foreach(name hypot hypotf _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE)
      target_link_options(${target} PRIVATE -Wl,--wrap=${name})
    endforeach()
  endif()
endfunction()
