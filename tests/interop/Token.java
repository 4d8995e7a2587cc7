/*
 * Token - what a Java program does with a token through SunPKCS11, each thing checked by another
 * provider of the JDK where one can.  One line for each: "ok NAME" or "FAIL NAME: why".
 *
 * usage: java Token.java CONFIG PIN [GROUP ...]     groups: the names in the table below; all when none is named
 */
import java.math.BigInteger;
import java.security.*;
import java.security.interfaces.*;
import java.security.spec.*;
import java.util.*;
import javax.crypto.*;
import javax.crypto.spec.*;

public class Token {
	interface Check {
		void run() throws Exception;
	}

	static Provider token;
	static boolean failed;
	static final byte[] message = new byte[100_003];

	static void check(String name, Check check) {
		try {
			check.run();
			System.out.println("ok " + name);
		} catch (Exception | AssertionError e) {
			failed = true;
			Throwable cause = e;
			while (cause.getCause() != null)
				cause = cause.getCause();
			System.out.println("FAIL " + name + ": " + e + (cause == e ? "" : " <- " + cause));
		}
	}

	static void must(boolean so, String what) {
		if (!so)
			throw new AssertionError(what);
	}

	static void same(byte[] a, byte[] b) {
		must(Arrays.equals(a, b), HexFormat.of().formatHex(a, 0, Math.min(40, a.length)) + " is not "
				+ HexFormat.of().formatHex(b, 0, Math.min(40, b.length)));
	}

	static KeyPair pair(String algorithm, AlgorithmParameterSpec spec) throws Exception {
		KeyPairGenerator g = KeyPairGenerator.getInstance(algorithm, token);
		g.initialize(spec);
		return g.generateKeyPair();
	}

	/* The public key as software sees it. */
	static PublicKey outside(PublicKey key) throws Exception {
		return KeyFactory.getInstance(key.getAlgorithm(), key.getAlgorithm().equals("EC") ? "SunEC" : "SunRsaSign")
				.generatePublic(new X509EncodedKeySpec(key.getEncoded()));
	}

	static void signs(KeyPair pair, String algorithm, AlgorithmParameterSpec spec, int size) throws Exception {
		byte[] text = Arrays.copyOf(message, size);
		Signature s = Signature.getInstance(algorithm, token);
		if (spec != null)
			s.setParameter(spec);
		s.initSign(pair.getPrivate());
		s.update(text, 0, size / 3);
		s.update(text, size / 3, size - size / 3);
		byte[] signature = s.sign();
		for (boolean here : new boolean[] { true, false }) {
			Signature v = here ? Signature.getInstance(algorithm, token) : Signature.getInstance(algorithm);
			if (spec != null)
				v.setParameter(spec);
			v.initVerify(here ? pair.getPublic() : outside(pair.getPublic()));
			v.update(text);
			must(v.verify(signature), (here ? "the token" : v.getProvider().getName()) + " does not verify");
			v.update(text, 0, size - 1);
			v.update((byte) ~text[size - 1]);
			must(!refuses(v, signature), "a changed message verifies");
		}
	}

	static boolean refuses(Signature v, byte[] signature) {
		try {
			return v.verify(signature);
		} catch (SignatureException e) {
			return false;
		}
	}

	static void signatures() throws Exception {
		KeyPair ec = pair("EC", new ECGenParameterSpec("secp256r1"));
		KeyPair rsa = pair("RSA", new RSAKeyGenParameterSpec(2048, RSAKeyGenParameterSpec.F4));
		for (String h : new String[] { "SHA224", "SHA256", "SHA384", "SHA512", "SHA3-256" }) {
			check(h + "withECDSA", () -> signs(ec, h + "withECDSA", null, 100_000));
			check(h + "withECDSAinP1363Format", () -> signs(ec, h + "withECDSAinP1363Format", null, 1));
			check(h + "withRSA", () -> signs(rsa, h + "withRSA", null, 100_000));
		}
		check("secp384r1", () -> signs(pair("EC", new ECGenParameterSpec("secp384r1")), "SHA384withECDSA", null, 9));
		check("secp521r1", () -> signs(pair("EC", new ECGenParameterSpec("secp521r1")), "SHA512withECDSA", null, 9));
		check("NONEwithECDSA", () -> signs(ec, "NONEwithECDSA", null, 32));
		check("RSASSA-PSS", () -> signs(rsa, "RSASSA-PSS",
				new PSSParameterSpec("SHA-384", "MGF1", MGF1ParameterSpec.SHA384, 48, 1), 70_000));
		check("NONEwithRSA", () -> noneWithRsa(rsa));
		check("RSA/ECB/PKCS1Padding", () -> rsaCipher(rsa));
	}

	/* Verifying asks the token to recover. */
	static void noneWithRsa(KeyPair rsa) throws Exception {
		Signature s = Signature.getInstance("NONEwithRSA", token);
		s.initSign(rsa.getPrivate());
		s.update(message, 0, 40);
		byte[] signature = s.sign();
		s.initVerify(rsa.getPublic());
		s.update(message, 0, 40);
		must(s.verify(signature), "the token does not verify");
		Cipher open = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
		open.init(Cipher.DECRYPT_MODE, outside(rsa.getPublic()));
		same(open.doFinal(signature), Arrays.copyOf(message, 40));
	}

	static void rsaCipher(KeyPair rsa) throws Exception {
		Cipher in = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
		in.init(Cipher.ENCRYPT_MODE, outside(rsa.getPublic()));
		byte[] sealed = in.doFinal(message, 0, 48);
		Cipher out = Cipher.getInstance("RSA/ECB/PKCS1Padding", token);
		out.init(Cipher.DECRYPT_MODE, rsa.getPrivate());
		same(out.doFinal(sealed), Arrays.copyOf(message, 48));
		out.init(Cipher.ENCRYPT_MODE, rsa.getPublic());
		sealed = out.doFinal(message, 0, 48);
		out.init(Cipher.DECRYPT_MODE, rsa.getPrivate());
		same(out.doFinal(sealed), Arrays.copyOf(message, 48));
	}

	/* A clone is the operation's state, taken and set. */
	static void digests() {
		for (String h : new String[] { "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512" })
			check("digest " + h, () -> {
				MessageDigest d = MessageDigest.getInstance(h, token);
				d.update(message, 0, 60_000);
				MessageDigest other = (MessageDigest) d.clone();
				d.update(message, 60_000, 40_000);
				same(d.digest(), MessageDigest.getInstance(h, "SUN").digest(Arrays.copyOf(message, 100_000)));
				same(other.digest(), MessageDigest.getInstance(h, "SUN").digest(Arrays.copyOf(message, 60_000)));
			});
	}

	static void macs() {
		for (String h : new String[] { "SHA1", "SHA224", "SHA256", "SHA384", "SHA512" })
			for (int size : new int[] { 14, 20, 32, 64, 65, 200 })
				check("Hmac" + h + " " + size, () -> {
					SecretKey key = new SecretKeySpec(message, 7, size, "Hmac" + h);
					Mac here = Mac.getInstance("Hmac" + h, token), there = Mac.getInstance("Hmac" + h, "SunJCE");
					here.init(key);
					there.init(key);
					here.update(message, 0, 50_000);
					here.update(message, 50_000, 50_000);
					there.update(message, 0, 100_000);
					same(here.doFinal(), there.doFinal());
				});
	}

	static void agreement() {
		for (String curve : new String[] { "secp256r1", "secp384r1", "secp521r1" })
			check("ECDH " + curve, () -> {
				KeyPair here = pair("EC", new ECGenParameterSpec(curve));
				KeyPairGenerator g = KeyPairGenerator.getInstance("EC", "SunEC");
				g.initialize(new ECGenParameterSpec(curve));
				KeyPair there = g.generateKeyPair();
				KeyAgreement a = KeyAgreement.getInstance("ECDH", token), b = KeyAgreement.getInstance("ECDH", "SunEC");
				a.init(here.getPrivate());
				a.doPhase(there.getPublic(), true);
				b.init(there.getPrivate());
				b.doPhase(outside(here.getPublic()), true);
				same(a.generateSecret(), b.generateSecret());
			});
	}

	static void cipher(String mode, int bits, AlgorithmParameterSpec spec, int size) {
		check("AES/" + mode + " " + bits, () -> {
			SecretKey key = new SecretKeySpec(message, 3, bits / 8, "AES");
			Cipher here = Cipher.getInstance("AES/" + mode, token), there = Cipher.getInstance("AES/" + mode, "SunJCE");
			byte[] text = Arrays.copyOf(message, size), more = new byte[33];
			boolean aead = mode.startsWith("GCM");
			there.init(Cipher.ENCRYPT_MODE, key, spec);
			if (aead)
				there.updateAAD(more);
			byte[] sealed = there.doFinal(text);
			here.init(Cipher.ENCRYPT_MODE, key, spec);
			if (aead)
				here.updateAAD(more);
			/* Java 17 loses what update() took before doFinal() of GCM, with any token. */
			int part = aead ? 0 : size / 2;
			byte[] first = here.update(text, 0, part), rest = here.doFinal(text, part, size - part);
			byte[] all = Arrays.copyOf(first == null ? new byte[0] : first, sealed.length);
			System.arraycopy(rest, 0, all, first == null ? 0 : first.length, rest.length);
			same(all, sealed);
			here.init(Cipher.DECRYPT_MODE, key, spec);
			if (aead)
				here.updateAAD(more);
			same(here.doFinal(sealed), text);
			if (!aead)
				return;
			sealed[5] ^= 1;
			here.init(Cipher.DECRYPT_MODE, key, spec);
			here.updateAAD(more);
			try {
				here.doFinal(sealed);
				must(false, "a changed text opens");
			} catch (BadPaddingException e) {
				return;
			}
		});
	}

	static void ciphers() {
		IvParameterSpec iv = new IvParameterSpec(message, 11, 16);
		for (int bits : new int[] { 128, 192, 256 }) {
			cipher("ECB/NoPadding", bits, null, 1024);
			cipher("CBC/NoPadding", bits, iv, 48_000);
			cipher("CBC/PKCS5Padding", bits, iv, 50_001);
			cipher("CTR/NoPadding", bits, iv, 50_001);
			cipher("GCM/NoPadding", bits, new GCMParameterSpec(128, message, 20, 12), 5_001);
		}
	}

	/* An RSA pair of the token takes an AES key in and out; the token's own keys too. */
	static void wrapping() throws Exception {
		KeyPair rsa = pair("RSA", new RSAKeyGenParameterSpec(2048, RSAKeyGenParameterSpec.F4));
		check("wrap AES by RSA", () -> {
			SecretKey key = new SecretKeySpec(message, 3, 32, "AES");
			Cipher c = Cipher.getInstance("RSA/ECB/PKCS1Padding", token);
			c.init(Cipher.WRAP_MODE, rsa.getPublic());
			byte[] wrapped = c.wrap(key);
			Cipher there = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
			there.init(Cipher.WRAP_MODE, outside(rsa.getPublic()));
			for (byte[] blob : new byte[][] { wrapped, there.wrap(key) }) {
				c.init(Cipher.UNWRAP_MODE, rsa.getPrivate());
				Key back = c.unwrap(blob, "AES", Cipher.SECRET_KEY);
				Cipher a = Cipher.getInstance("AES/ECB/NoPadding", token);
				a.init(Cipher.ENCRYPT_MODE, back);
				Cipher b = Cipher.getInstance("AES/ECB/NoPadding", "SunJCE");
				b.init(Cipher.ENCRYPT_MODE, key);
				same(a.doFinal(message, 0, 64), b.doFinal(message, 0, 64));
			}
		});
	}

	static void generated() throws Exception {
		check("KeyGenerator AES", () -> {
			KeyGenerator g = KeyGenerator.getInstance("AES", token);
			g.init(256);
			SecretKey key = g.generateKey();
			Cipher c = Cipher.getInstance("AES/GCM/NoPadding", token);
			c.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(128, message, 20, 12));
			byte[] sealed = c.doFinal(message, 0, 100);
			c.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(128, message, 20, 12));
			same(c.doFinal(sealed), Arrays.copyOf(message, 100));
		});
		check("KeyStore AES entry", () -> {
			KeyStore store = KeyStore.getInstance("PKCS11", token);
			store.load(null, null);
			SecretKey key = new SecretKeySpec(message, 3, 16, "AES");
			store.setEntry("box", new KeyStore.SecretKeyEntry(key), null);
			store = KeyStore.getInstance("PKCS11", token);
			store.load(null, null);
			must(store.isKeyEntry("box"), "the entry is not there");
			Cipher c = Cipher.getInstance("AES/CBC/PKCS5Padding", token);
			c.init(Cipher.ENCRYPT_MODE, store.getKey("box", null), new IvParameterSpec(message, 0, 16));
			Cipher d = Cipher.getInstance("AES/CBC/PKCS5Padding", "SunJCE");
			d.init(Cipher.ENCRYPT_MODE, key, new IvParameterSpec(message, 0, 16));
			same(c.doFinal(message, 0, 99), d.doFinal(message, 0, 99));
			store.deleteEntry("box");
			must(!store.containsAlias("box"), "the entry is still there");
		});
		check("SecureRandom", () -> {
			byte[] a = new byte[32], b = new byte[32];
			SecureRandom r = SecureRandom.getInstance("PKCS11", token);
			r.setSeed(message);
			r.nextBytes(a);
			r.nextBytes(b);
			must(!Arrays.equals(a, b) && !Arrays.equals(a, new byte[32]), "not random");
		});
	}

	static final Map<String, Check> groups = new LinkedHashMap<>();
	static {
		groups.put("signatures", Token::signatures);
		groups.put("digests", Token::digests);
		groups.put("macs", Token::macs);
		groups.put("agreement", Token::agreement);
		groups.put("ciphers", Token::ciphers);
		groups.put("wrapping", Token::wrapping);
		groups.put("generated", Token::generated);
	}

	public static void main(String[] args) throws Exception {
		new Random(1).nextBytes(message);
		token = Security.getProvider("SunPKCS11").configure(args[0]);
		((AuthProvider) token).login(null, callbacks -> {
			((javax.security.auth.callback.PasswordCallback) callbacks[0]).setPassword(args[1].toCharArray());
		});
		List<String> wanted = Arrays.asList(args).subList(2, args.length);
		for (Map.Entry<String, Check> group : groups.entrySet())
			if (wanted.isEmpty() || wanted.contains(group.getKey()))
				group.getValue().run();
		System.exit(failed ? 1 : 0);
	}
}
