package schemas

import _ "embed"

//go:embed openapi.json
var openAPI []byte

// OpenAPI is the description of the HTTP API, an OpenAPI 3.1 document. The slice must not be
// changed.
func OpenAPI() []byte { return openAPI }
