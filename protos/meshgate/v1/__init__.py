"""The versioned schemas of the mesh and the code generated from them; the gRPC stubs need the extra `grpc`."""
