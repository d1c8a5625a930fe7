package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// openAPI answers the description of this API.
func openAPI(c *call) (value.Value, error) {
	return value.Absent, c.Blob(http.StatusOK, echo.MIMEApplicationJSON, schemas.OpenAPI())
}
