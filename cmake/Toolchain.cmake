find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers are cached too. Paths below the checkout are hashed relative to it, so that a clone in another folder
  # finds what this one compiled.
  set(CACHED ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=10G ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CACHED})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CACHED})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(RELIEVO_NVCC "${PROJECT_SOURCE_DIR}/.venv/nvcc/nvidia/cu13/bin/nvcc"
    CACHE FILEPATH "The CUDA compiler that packaging/setup brings; without it, the one on the PATH is taken")
include(CheckLanguage)
set(RELIEVO_CUDA OFF)
if(NOT RELIEVO_SANITIZE)
  # The CUDA runtime is the wheel's shared one (see Dependencies.cmake): no second, static runtime.
  set(CMAKE_CUDA_RUNTIME_LIBRARY None)
  set(CMAKE_CUDA_ARCHITECTURES "75-real;80-real;86-real;89-real;90-real;100-real;120")  # packaging/kernels.py reads them
  if(NOT CMAKE_CUDA_COMPILER AND EXISTS ${RELIEVO_NVCC})
    set(CMAKE_CUDA_COMPILER ${RELIEVO_NVCC})
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(CMAKE_CUDA_STANDARD 17)  # CMake 3.25 knows no later one for nvcc; kernels need none
    set(RELIEVO_CUDA ON)
  endif()
endif()
