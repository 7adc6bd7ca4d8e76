import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.regex.Pattern;

/** Prints 1 or 0 for each line of a file: whether its second word matches its first (in Base64). */
public class Match {
    public static void main(String[] arguments) throws Exception {
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] words = line.split(" ", -1);
            boolean found = Pattern.compile(decoded(words[0])).matcher(decoded(words[1])).find();
            System.out.print(found ? 1 : 0);
        }
    }

    private static String decoded(String word) {
        return new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
    }
}
