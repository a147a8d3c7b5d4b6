"""Many files: judged once each, whoever pulls the plug; stands on the five rooms."""
