# rtcroomd_layer(NAME [SMALL] FOLDER… LINK …): the static library rtcroomd-NAME from every .c file of the current folder
# (and of the folders named after FOLDER). LINK names the only layers and libraries it may use: a call upwards
# does not link. Third-party libraries are linked PRIVATE, so that no other layer sees their headers.
# SMALL: a release is optimised for size, for what runs there once a packet is little beside the codec.
function(rtcroomd_layer name)
    cmake_parse_arguments(L "SMALL" "" "FOLDERS;LINK;PRIVATE" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS *.c)
    foreach(folder ${L_FOLDERS})
        file(GLOB more CONFIGURE_DEPENDS ${folder}/*.c)
        list(APPEND sources ${more})
    endforeach()
    if(NOT sources)
        add_library(rtcroomd-${name} INTERFACE)
        return()
    endif()
    add_library(rtcroomd-${name} STATIC ${sources})
    target_include_directories(rtcroomd-${name} PUBLIC ${CMAKE_SOURCE_DIR}/daemon)
    if(L_SMALL)
        target_compile_options(rtcroomd-${name} PRIVATE $<$<CONFIG:Release>:-Os>)
    endif()
    list(TRANSFORM L_LINK PREPEND rtcroomd-)
    target_link_libraries(rtcroomd-${name} PUBLIC ${L_LINK} PRIVATE ${L_PRIVATE})
endfunction()
