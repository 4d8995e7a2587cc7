# tests of tools, and of the house as a whole
inro_script_test(integration/test_layers.sh)
if(TARGET inro_tools)
inro_test(unit/test_tools_parse.c LINKS inro_tools)
inro_test(unit/test_tools_show.c LINKS inro_tools)
inro_test(unit/test_tools_commands.c LINKS inro_tools)
endif()
