"""Where calls come in: URLs, gRPC methods and cards. May import ``routing`` and what that imports."""
