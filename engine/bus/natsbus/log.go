package natsbus

import (
	"fmt"
	"log/slog"
)

// serverLog is the embedded server's log. What the server calls a notice is of no interest
// to whoever runs Heddle, so only warnings and worse are loud.
type serverLog struct{ log *slog.Logger }

func (l *serverLog) Noticef(format string, v ...any) { l.write(l.log.Debug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.write(l.log.Warn, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.write(l.log.Error, format, v) }
func (l *serverLog) Fatalf(format string, v ...any)  { l.write(l.log.Error, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  {}
func (l *serverLog) Tracef(format string, v ...any)  {}

func (l *serverLog) write(log func(string, ...any), format string, v []any) {
	log("bus server", "detail", fmt.Sprintf(format, v...))
}
