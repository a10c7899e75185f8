"""What a terminal shows: tables, trees and answers."""
