package keyring

import "context"

// Service encrypts with keys that never leave it; a *vault.Client is one.
type Service interface {
	Encrypt(ctx context.Context, key string, text []byte) (string, error)
	Decrypt(ctx context.Context, key, sealed string) ([]byte, error)
}

type transit struct {
	service Service
	key     string
}

// Transit is the master key of that name in a service.
func Transit(s Service, key string) Master { return transit{s, key} }

func (t transit) Name() string { return "transit:" + t.key }

func (t transit) Wrap(ctx context.Context, key []byte) ([]byte, error) {
	sealed, err := t.service.Encrypt(ctx, t.key, key)
	return []byte(sealed), err
}

func (t transit) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	return t.service.Decrypt(ctx, t.key, string(wrapped))
}
