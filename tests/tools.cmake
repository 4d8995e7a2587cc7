# tests of tools, and of the house as a whole
inro_script_test(integration/test_layers.sh)
