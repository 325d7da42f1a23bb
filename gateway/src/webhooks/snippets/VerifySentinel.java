// Verifies X-Sentinel-Signature: `sha256=` and the HMAC-SHA256 of the raw body in hexadecimal, as GitHub signs.
// Java 17 or later and nothing else. The secret is the webhook's `secret`, 64 characters, from WEBHOOK_SECRET.
//
//   WEBHOOK_SECRET=… java VerifySentinel.java "$X_SENTINEL_SIGNATURE" < body.json

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public final class VerifySentinel {
    /** Whether {@code header} signs {@code body}: the raw bytes, and not JSON that was read and written again. */
    static boolean verify(byte[] body, String header, String secret) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(secret.getBytes(UTF_8), "HmacSHA256"));
        byte[] expected = ("sha256=" + HexFormat.of().formatHex(mac.doFinal(body))).getBytes(UTF_8);
        boolean isValid = false;
        // While a secret is being replaced there are two signatures, joined by a comma.
        for (String one : header.split(",")) {
            // In constant time.
            isValid |= MessageDigest.isEqual(expected, one.trim().getBytes(UTF_8));
        }
        return isValid;
    }

    public static void main(String[] arguments) throws Exception {
        String secret = System.getenv().getOrDefault("WEBHOOK_SECRET", "");
        if (secret.length() != 64 || arguments.length != 1) {
            System.err.println("usage: WEBHOOK_SECRET=… java VerifySentinel.java SIGNATURE < BODY");
            System.exit(2);
        }
        boolean isValid = verify(System.in.readAllBytes(), arguments[0], secret);
        System.out.println(isValid ? "valid" : "invalid");
        System.exit(isValid ? 0 : 1);
    }
}
