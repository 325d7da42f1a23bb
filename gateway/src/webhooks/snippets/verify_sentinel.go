// Verifies X-Sentinel-Signature: `sha256=` and the HMAC-SHA256 of the raw body in hexadecimal, as GitHub signs.
// The standard library alone. The secret is the webhook's `secret`, 64 characters, from WEBHOOK_SECRET.
//
//	WEBHOOK_SECRET=… go run verify_sentinel.go "$X_SENTINEL_SIGNATURE" < body.json
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// Verify tells whether header signs body, which must be the raw bytes and not JSON that was read and written again.
func Verify(body []byte, header, secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	expected := []byte("sha256=" + hex.EncodeToString(mac.Sum(nil)))
	isValid := false
	// While a secret is being replaced there are two signatures, joined by a comma.
	for _, one := range strings.Split(header, ",") {
		if hmac.Equal(expected, []byte(strings.TrimSpace(one))) {
			isValid = true
		}
	}
	return isValid
}

func main() {
	secret := os.Getenv("WEBHOOK_SECRET")
	if len(secret) != 64 || len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: WEBHOOK_SECRET=… go run verify_sentinel.go SIGNATURE < BODY")
		os.Exit(2)
	}
	body, err := io.ReadAll(os.Stdin)
	if err != nil || !Verify(body, os.Args[1], secret) {
		fmt.Println("invalid")
		os.Exit(1)
	}
	fmt.Println("valid")
}
