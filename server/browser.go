package server

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/heddlehq/heddle/workflows/value"
)

// CheckOrigins reports an entry of [Options.Origins] that is no origin.
func CheckOrigins(list []string) error {
	for _, o := range list {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != o {
			return fmt.Errorf("%q must be a scheme and a host such as https://portal.example.net", o)
		}
	}
	return nil
}

// What pages of other origins may send, and what they may read beside the body.
const (
	corsMethods = "GET, POST, PUT, PATCH, DELETE"
	corsHeaders = "Authorization, Content-Type, " + OnceHeader + ", " + ReasonHeader + ", X-Requested-With"
	corsExposed = "Retry-After, X-Request-Id, " + replayedHeader
)

// cors lets pages of the origins on the list call the API with a token of their own. Cookies
// are not for them: no answer allows credentials.
func (s *Server) cors(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if len(s.Origins) == 0 {
			return next(c)
		}
		h, r := c.Response().Header(), c.Request()
		h.Add(echo.HeaderVary, echo.HeaderOrigin)
		origin := r.Header.Get(echo.HeaderOrigin)
		if origin == "" || !slices.Contains(s.Origins, origin) {
			return next(c)
		}
		h.Set(echo.HeaderAccessControlAllowOrigin, origin)
		if r.Method == http.MethodOptions && r.Header.Get(echo.HeaderAccessControlRequestMethod) != "" {
			h.Set(echo.HeaderAccessControlAllowMethods, corsMethods)
			h.Set(echo.HeaderAccessControlAllowHeaders, corsHeaders)
			h.Set(echo.HeaderAccessControlMaxAge, "600")
			return c.NoContent(http.StatusNoContent)
		}
		h.Set(echo.HeaderAccessControlExposeHeaders, corsExposed)
		return next(c)
	}
}

// profile answers a profile of the process, if that is allowed at all.
func profile(c *call) (value.Value, error) {
	if !c.Profiles {
		return value.Absent, refuse(missing, "profiles are off; heddle serve --pprof turns them on")
	}
	w, r := c.Response(), c.Request()
	switch name := strings.Trim(c.tail(2), "/"); name {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	case "symbol":
		pprof.Symbol(w, r)
	case "cmdline":
		return value.Absent, refuse(missing, "the command line is not shown: it may hold secrets")
	default:
		pprof.Handler(name).ServeHTTP(w, r)
	}
	return value.Absent, nil
}
