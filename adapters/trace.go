package adapters

import "regexp"

// traceHeader is the W3C trace context header; events carry the one of their order.
const traceHeader = "traceparent"

var tracePattern = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// traceContext is the header's value if it is one that may be passed on.
func traceContext(header string) string {
	if tracePattern.MatchString(header) {
		return header
	}
	return ""
}
