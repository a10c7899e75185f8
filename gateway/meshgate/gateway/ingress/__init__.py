"""The data plane's servers: URLs, gRPC methods and cards. May import ``routing`` and what that imports."""
