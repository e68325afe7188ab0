# Warnings, sanitizers and hardening, for every target of the project.
#
#   RTCROOMD_SANITIZE   ""|address|thread     (address brings UBSan and LSan along)
#   RTCROOMD_WERROR     warnings are errors; only presets and ./dev set it
#   RTCROOMD_COVERAGE   gcov instrumentation
#   RTCROOMD_FUZZ       libFuzzer targets (clang only); otherwise they are built as corpus replayers
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

set(RTCROOMD_SANITIZE "" CACHE STRING "address, thread or empty")
option(RTCROOMD_WERROR "Treat warnings as errors" OFF)
option(RTCROOMD_COVERAGE "Instrument for gcov" OFF)
option(RTCROOMD_FUZZ "Build libFuzzer targets (clang)" OFF)

foreach(flag -Wall -Wextra -Wshadow -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes
             -Wold-style-definition -Wpointer-arith -Wwrite-strings -Wcast-align -Wformat=2
             -Wimplicit-fallthrough -Wfloat-conversion -Wdouble-promotion -Wno-missing-field-initializers)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" var)
    check_c_compiler_flag(${flag} ${var})
    if(${var})
        add_compile_options(${flag})
    endif()
endforeach()
if(RTCROOMD_WERROR)
    add_compile_options(-Werror)
endif()

add_compile_options(-fvisibility=hidden -fno-strict-aliasing -ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro -Wl,-z,now)
check_linker_flag(C -Wl,-z,pack-relative-relocs HAVE_RELR) # a table of pointers costs a bit each instead of 24 bytes
if(HAVE_RELR)
    add_link_options(-Wl,-z,pack-relative-relocs)
endif()
add_compile_definitions(_GNU_SOURCE)

if(RTCROOMD_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
elseif(RTCROOMD_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
    add_link_options(-fsanitize=thread)
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    add_compile_options(-fstack-protector-strong -D_FORTIFY_SOURCE=2)
endif()
if(RTCROOMD_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()
if(RTCROOMD_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined)
    add_link_options(-fsanitize=address,undefined)
endif()
# assert() states programming errors and stays in release builds.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-O3" "-O2" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
