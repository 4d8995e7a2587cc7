# tests of backoffice
