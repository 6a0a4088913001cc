# LibTorch: only libtorch_cpu and libc10 are linked. libtorch_cuda is opened at run time where there is a GPU, so one
# build serves a CPU-only runtime and a CUDA runtime.
set(RELIEVO_SITE_PACKAGES "${PROJECT_SOURCE_DIR}/.venv/lib/python3.11/site-packages"
    CACHE PATH "site-packages of the environment that packaging/setup makes")
set(TORCH_DIR "${RELIEVO_SITE_PACKAGES}/torch")
set(CUDART_DIR "${RELIEVO_SITE_PACKAGES}/nvidia/cu13")
set(TORCH_LIBRARY "${TORCH_DIR}/lib/${CMAKE_SHARED_LIBRARY_PREFIX}torch_cpu${CMAKE_SHARED_LIBRARY_SUFFIX}")
if(NOT EXISTS "${TORCH_LIBRARY}")
  message(FATAL_ERROR "LibTorch is not in ${TORCH_DIR}: run packaging/setup first")
endif()

# IMPLIB: what Windows links with. Windows and macOS are written for and have not been run (docs/release.md).
add_library(torch::c10 SHARED IMPORTED)
set_target_properties(torch::c10 PROPERTIES
  IMPORTED_LOCATION "${TORCH_DIR}/lib/${CMAKE_SHARED_LIBRARY_PREFIX}c10${CMAKE_SHARED_LIBRARY_SUFFIX}"
  IMPORTED_IMPLIB "${TORCH_DIR}/lib/c10.lib")
add_library(torch::cpu SHARED IMPORTED)
set_target_properties(torch::cpu PROPERTIES
  IMPORTED_LOCATION "${TORCH_LIBRARY}"
  IMPORTED_IMPLIB "${TORCH_DIR}/lib/torch_cpu.lib"
  INTERFACE_INCLUDE_DIRECTORIES "${TORCH_DIR}/include;${TORCH_DIR}/include/torch/csrc/api/include"
  INTERFACE_LINK_LIBRARIES torch::c10)
# libtorch_cpu needs the shared CUDA runtime in any case, so our kernels use the same one.
add_library(cuda::runtime SHARED IMPORTED)
set_target_properties(cuda::runtime PROPERTIES IMPORTED_LOCATION "${CUDART_DIR}/lib/libcudart.so.13")

# OpenMP with torch's own runtime library, so that a process has one.
add_library(torch::openmp SHARED IMPORTED)
if(WIN32)
  set(OPENMP_LIBRARY libiomp5md.dll)
  set(OPENMP_OPTION /openmp)
elseif(APPLE)
  set(OPENMP_LIBRARY libomp.dylib)
  set(OPENMP_OPTION -Xclang -fopenmp)
else()
  set(OPENMP_LIBRARY libgomp.so.1)
  set(OPENMP_OPTION -fopenmp)
endif()
set_target_properties(torch::openmp PROPERTIES
  IMPORTED_LOCATION "${TORCH_DIR}/lib/${OPENMP_LIBRARY}"
  IMPORTED_IMPLIB "${TORCH_DIR}/lib/libiomp5md.lib"
  INTERFACE_COMPILE_OPTIONS "$<$<COMPILE_LANGUAGE:CXX>:${OPENMP_OPTION}>")

# Where the programs of the build find their runtime. An installed module has no such path: its loader opens the
# libraries by name first. RPATH, not RUNPATH, so that libgomp is torch's own throughout.
set(CMAKE_BUILD_RPATH "${TORCH_DIR}/lib;${CUDART_DIR}/lib")
if(NOT WIN32 AND NOT APPLE)
  add_link_options(-Wl,--disable-new-dtags)
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(GIF REQUIRED)
find_package(JPEG REQUIRED)
find_package(assimp REQUIRED)
find_package(meshoptimizer REQUIRED)
find_package(OpenEXR REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(TIFF REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SPNG REQUIRED IMPORTED_TARGET spng)
pkg_check_modules(LCMS REQUIRED IMPORTED_TARGET lcms2)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux libwebpmux)
pkg_check_modules(EXIF REQUIRED IMPORTED_TARGET libexif)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
# Of relievo-train alone: rays on triangles, and archives of objects.
find_package(embree 3 REQUIRED)
pkg_check_modules(ZIP REQUIRED IMPORTED_TARGET libzip)

# xatlas is compiled from its published source (packaging/sources.txt), without our warnings. It would take every
# thread of the machine, so it gets none: texture/ runs several of it side by side on the job's own threads.
set(XATLAS_DIR "${PROJECT_SOURCE_DIR}/.venv/src/xatlas")
if(NOT EXISTS "${XATLAS_DIR}/xatlas.cpp")
  message(FATAL_ERROR "xatlas is not in ${XATLAS_DIR}: run packaging/fetch_sources first")
endif()
add_library(xatlas STATIC ${XATLAS_DIR}/xatlas.cpp)
target_include_directories(xatlas SYSTEM PUBLIC ${XATLAS_DIR})
# Its assertions name what is only there when XA_DEBUG is on, so they are off in every kind of build.
target_compile_definitions(xatlas PRIVATE XA_MULTITHREADED=0 XA_DEBUG=0 NDEBUG)
target_compile_options(xatlas PRIVATE -w -march=x86-64-v2)
