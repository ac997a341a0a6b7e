-- Whether there was ever version $1 of the network.
SELECT EXISTS (SELECT FROM network_versions n WHERE n.version = $1)
