SELECT EXISTS (SELECT FROM network_versions n WHERE n.version = $1)
